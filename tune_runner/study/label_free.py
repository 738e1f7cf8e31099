"""How well a search without labels would have chosen: each criterion of `coftad.criteria` judged by AUROC on `test`.

Whoever has no anomalies has to trust one of these; a sweep on a data set with labels says what that would have cost
there. Nothing here chooses what the sweep reports as its best.

A criterion meets a configuration at the row that it would choose there, by its mean over episodes; of equal rows, as
those that differ in scoring values only are to compactness and loss, that is the first. The rank correlation is
between the criterion and test AUROC at these rows, over at most MOST configurations, drawn with the seed where there
are more; the network before fine-tuning counts once. Its interval and p-value allow for the number of criteria. What
is lost compares two choices among all rows of all configurations, the criterion's and the one with the highest AUROC
on `search`; both were chosen among many, for which its interval allows. With `holdout: 0` the latter has seen the test
images, and what is lost comes out too large.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial
from scipy.stats import spearmanr

from coftad.criteria import SIGNS
from coftad.metrics import Floats
from coftad.seeding import numpy_generator
from coftad.types import Criterion
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study import evidence
from tune_runner.study.effects import FEWEST_BETWEEN
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.evidence import Component, Estimate
from tune_runner.study.scored import MEASURED, aurocs_on_test, measured
from tune_runner.study.versus import FEWEST_EPISODES, difference

MOST = 500  # configurations; the interval of a rank correlation is narrow there, and each costs its scores' reading
_NEARLY = 1 - 1e-9  # a correlation of 1 has no Fisher's z


@dataclass(frozen=True)
class Verdict:
    """rank_correlation: Spearman's, of criterion and test AUROC over configurations; the sign is such that + means the
    criterion is right. lost: test AUROC of the choice with labels minus that of the criterion's choice, with a paired
    interval over episodes and images and a corrected p-value. Intervals: 95 %. chosen_trial, chosen_row: the
    criterion's choice.

    trials: configurations that have the criterion; below `needed` nothing is said, and all of these are None. A
    criterion that is the same everywhere ranks nothing: its correlation is None too.
    """

    criterion: Criterion
    trials: int
    needed: int
    rank_correlation: float | None = None
    correlation_interval: tuple[float, float] | None = None
    lost: float | None = None
    lost_interval: tuple[float, float] | None = None
    chosen_trial: int | None = None
    chosen_row: dict[str, Any] | None = None
    lost_p: float | None = None
    correlation_p: float | None = None

    @property
    def ranks(self) -> bool:
        """Whether the criterion is shown to rank configurations as AUROC does, or against it."""
        return self.correlation_interval is not None and evidence.shown(self.correlation_p, self.correlation_interval)

    @property
    def shown(self) -> bool:
        """Whether trusting the criterion is shown to cost AUROC, or to gain it."""
        return self.lost_interval is not None and evidence.shown(self.lost_p, self.lost_interval)


@dataclass(frozen=True)
class _Choice:
    """One row of one trial, and by how much it was preferred."""

    trial: FrozenTrial
    row: int
    value: float


def verdicts(
    prepared: Prepared, trials: Sequence[FrozenTrial], records: Records, noise: EpisodeNoise, *, seed: int
) -> list[Verdict]:
    """Of every criterion, in the order of SIGNS. trials: complete ones. noise: of the support sets, on test. Raises
    RecordingError."""
    order = numpy_generator(seed, "label-free").permutation(
        len(trials)
    )  # one for all criteria, which share what is read
    by_labels = [_Choice(trial, *_highest([row["auroc"] for row in trial.user_attrs["rows"]])) for trial in trials]
    aurocs: dict[int, Floats] = {}
    family = len(SIGNS) * sum(len(trial.user_attrs["rows"]) for trial in trials)
    found = []
    for criterion, sign in SIGNS.items():
        choices = _networks(
            choice for index in order if (choice := _choice(trials[index], criterion, sign)) is not None
        )
        if len(choices) < FEWEST_BETWEEN:
            found.append(Verdict(criterion, len(choices), FEWEST_BETWEEN))
            continue
        judged = choices[:MOST]
        for number in {each.trial.number for each in judged} - aurocs.keys():
            aurocs[number] = aurocs_on_test(prepared, records, number).mean(0)
        correlation = _correlation(
            np.array([each.value for each in judged]),
            np.array([aurocs[each.trial.number][each.row] for each in judged]),
        )
        ranks = (None, None, None) if correlation is None else _on_its_scale(correlation)
        own = max(choices, key=_rank)
        lost, lost_between, p = _lost(prepared, records, max(by_labels, key=_rank), own, noise, family)
        found.append(
            Verdict(
                criterion,
                len(choices),
                FEWEST_BETWEEN,
                ranks[0],
                ranks[1],
                lost,
                lost_between,
                own.trial.number,
                _settings(own),
                p,
                ranks[2],
            )
        )
    return found


def _choice(trial: FrozenTrial, criterion: Criterion, sign: int) -> _Choice | None:
    """The row that the criterion would choose of a trial; None where no row has it."""
    values = [row.get("criteria", {}).get(criterion) for row in trial.user_attrs["rows"]]
    if all(value is None for value in values):
        return None
    return _Choice(trial, *_highest([-np.inf if value is None else sign * value for value in values]))


def _networks(choices: Iterable[_Choice]) -> list[_Choice]:
    """Each network once: before fine-tuning, all trials of a backbone are one."""
    result, before = [], set()
    for choice in choices:
        if choice.trial.user_attrs["rows"][choice.row].get("steps") == 0:
            network = (choice.trial.params.get("backbone"), choice.value)
            if network in before:
                continue
            before.add(network)
        result.append(choice)
    return result


def _highest(values: Sequence[float]) -> tuple[int, float]:
    """The first of the highest, and its value."""
    row = int(np.argmax(values))
    return row, float(values[row])


def _rank(choice: _Choice) -> tuple[float, int]:
    """Of equals the first trial, as the study has it."""
    return choice.value, -choice.trial.number


def _settings(choice: _Choice) -> dict[str, Any]:
    row = choice.trial.user_attrs["rows"][choice.row]
    return {name: value for name, value in row.items() if name not in MEASURED}


def _correlation(values: Floats, aurocs: Floats) -> Estimate | None:
    """Spearman's, on the scale of Fisher's z, where its variance is Bonett and Wright's (Psychometrika 65, 2000); None
    where all are alike."""
    if np.ptp(values) == 0 or np.ptp(aurocs) == 0:
        return None
    correlation = float(np.clip(spearmanr(values, aurocs).statistic, -_NEARLY, _NEARLY))
    return Estimate.of(
        float(np.arctanh(correlation)), [Component((1 + correlation**2 / 2) / (len(values) - 3), len(values) - 2)]
    )


def _on_its_scale(estimate: Estimate) -> tuple[float, tuple[float, float], float]:
    low, high = np.tanh(estimate.interval(len(SIGNS)))
    return float(np.tanh(estimate.difference)), (float(low), float(high)), estimate.p(len(SIGNS))


def _lost(
    prepared: Prepared, records: Records, best: _Choice, own: _Choice, noise: EpisodeNoise, family: int
) -> tuple[float, tuple[float, float], float | None]:
    """Both on the same episodes and images. family: the number of rows that both were chosen from."""
    one, other = (
        measured(prepared, records, records.of(choice.trial.number), choice.row, "test_rows") for choice in (best, own)
    )
    estimate = difference(one, other, noise)
    p = estimate.p(family) if len(one.aurocs) >= FEWEST_EPISODES else None
    return estimate.difference, evidence.bounded(estimate.interval(family)), p


__all__ = ["MOST", "Verdict", "verdicts"]
