"""Which settings mattered: differences in AUROC with intervals and tests.

Scoring and trajectory parameters are compared within each trained network, as all their values were scored on it: a
paired comparison, the sharpest there is. Training parameters are compared between trials that have them, so one that
exists only under a choice is compared among the trials that made it; numbers are split into thirds, or at their median
where they are few. A trial that `asha` dropped counts with the episodes that it finished (`paired.py`). Intervals are
over trials, and between trials over episodes as well.

Whether a parameter matters at all is tested over all of its levels at once (Friedman's test or Wilcoxon's within
trainings, Kruskal and Wallis's between trials) and corrected for the number of parameters (Benjamini and Hochberg
1995), so that a sweep of noise shows something in one of twenty cases, however many settings it varied. The two levels
whose difference is given are chosen on the same data, so it leans towards large; with an adaptive sampler, trials are
no random sample either. Both are said in every report. Below FEWEST_WITHIN trainings or FEWEST_BETWEEN trials there is
no test that could show anything, and none is made.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial
from scipy.stats import false_discovery_control, friedmanchisquare, kruskal, wilcoxon

from coftad.metrics import interval
from coftad.seeding import numpy_generator
from tune_runner.study.levels import levels, text
from tune_runner.study.paired import paired, resampled_interval
from tune_runner.study.scored import MEASURED

FEWEST_WITHIN = 6  # Wilcoxon's smallest p of five pairs is 0.06
FEWEST_BETWEEN = 10
LEVEL = 0.05
_RESAMPLES = 1000


@dataclass(frozen=True)
class Effect:
    """AUROC with the `better` level minus with the `worse` one: mean and 95 % bootstrap interval over `trials`.

    p: of the test that all levels are alike, corrected for the number of parameters. shown: whether it is below LEVEL.
    """

    parameter: str
    better: str
    worse: str
    difference: float
    interval: tuple[float, float]
    trials: int
    paired: bool
    p: float

    @property
    def shown(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True)
class TooFew:
    """A parameter that varied, in `trials` trials of the `needed` that a test of it takes."""

    parameter: str
    trials: int
    needed: int


def effects(trials: Sequence[FrozenTrial], *, seed: int) -> tuple[list[Effect], list[TooFew]]:
    """Shown ones first, and of these the largest difference; and the parameters with too few trials to say."""
    tested: list[Effect] = []
    few: list[TooFew] = []
    for found in (*_paired(trials, seed), *_between(trials, seed)):
        if isinstance(found, TooFew):
            few.append(found)
        else:
            tested.append(found)
    corrected = false_discovery_control([effect.p for effect in tested]) if tested else []
    tested = [replace(effect, p=float(p)) for effect, p in zip(tested, corrected, strict=True)]
    return sorted(tested, key=lambda effect: (not effect.shown, -effect.difference)), few


def _paired(trials: Sequence[FrozenTrial], seed: int) -> Iterator[Effect | TooFew]:
    for name in varying(trials):
        levels, table = levels_within(trials, name)
        if len(levels) < 2:
            continue
        if len(trials) < FEWEST_WITHIN:
            yield TooFew(name, len(trials), FEWEST_WITHIN)
            continue
        best, worst = int(table.mean(0).argmax()), int(table.mean(0).argmin())
        difference = table[:, best] - table[:, worst]
        drawn = numpy_generator(seed, "effects", name).integers(len(difference), size=(_RESAMPLES, len(difference)))
        between = interval(difference[drawn].mean(1))
        mean = float(difference.mean())
        yield Effect(
            name,
            text(levels[best]),
            text(levels[worst]),
            mean,
            between,
            len(table),
            paired=True,
            p=_alike_within(table),
        )


def _alike_within(table_TL: NDArray[np.float64]) -> float:
    """The p-value of the hypothesis that the columns of one training are exchangeable."""
    if np.ptp(table_TL, axis=1).max() == 0:
        return 1.0
    if table_TL.shape[1] == 2:
        return float(wilcoxon(table_TL[:, 0], table_TL[:, 1], zero_method="zsplit").pvalue)
    return float(friedmanchisquare(*table_TL.T).pvalue)


def varying(trials: Sequence[FrozenTrial]) -> list[str]:
    """The scoring and trajectory parameters that took several values within trainings."""
    rows = [row for trial in trials for row in trial.user_attrs["rows"]]
    names = [name for name in rows[0] if name not in MEASURED] if rows else []
    return [name for name in names if len({row[name] for row in rows}) > 1]


def levels_within(trials: Sequence[FrozenTrial], *names: str) -> tuple[list[Any], NDArray[np.float64]]:
    """(L values of one such parameter, or tuples of values of several, that every training has, ascending; (T, L)
    AUROCs, each the mean over all rows of that training with that value)."""
    key = itemgetter(*names)
    means: list[dict[Any, float]] = []
    for trial in trials:
        by_value: dict[Any, list[float]] = defaultdict(list)
        for row in trial.user_attrs["rows"]:
            by_value[key(row)].append(row["auroc"])
        means.append({value: float(np.mean(aurocs)) for value, aurocs in by_value.items()})
    values = sorted(set.intersection(*(set(each) for each in means)))
    return values, np.array([[each[value] for value in values] for each in means])


def _between(trials: Sequence[FrozenTrial], seed: int) -> Iterator[Effect | TooFew]:
    everything = paired(trials)
    for name in sorted({name for trial in everything.trials for name in trial.params}):
        having = everything.having(name)
        found = levels([trial.params[name] for trial in having.trials])
        groups = [having.among(found.codes == code) for code in range(len(found.names))]
        usable = [(level, group) for level, group in zip(found.names, groups, strict=True) if len(group.trials) >= 2]
        if len(groups) < 2:
            continue
        if len(usable) < 2 or len(having.trials) < FEWEST_BETWEEN:
            yield TooFew(name, len(having.trials), FEWEST_BETWEEN)
            continue
        values = [group.values for _, group in usable]
        means = [each.mean() for each in values]
        (best, high), (worst, low) = usable[int(np.argmax(means))], usable[int(np.argmin(means))]
        generator = numpy_generator(seed, "effects", name)
        drawn = having.draw_episodes(generator, _RESAMPLES)
        samples = high.resampled_mean(drawn, generator) - low.resampled_mean(drawn, generator)
        difference = float(max(means) - min(means))
        p = _alike_between(values)
        yield Effect(name, best, worst, difference, resampled_interval(samples), len(having.trials), paired=False, p=p)


def _alike_between(groups: list[NDArray[np.float64]]) -> float:
    """The p-value of the hypothesis that all groups are draws from one distribution."""
    if np.ptp(np.concatenate(groups)) == 0:
        return 1.0
    return float(kruskal(*groups).pvalue)
