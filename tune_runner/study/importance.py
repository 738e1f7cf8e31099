"""Shares of importance: which settings separate the best trials from the rest, and which move AUROC at all.

PED-ANOVA (Watanabe et al., IJCAI 2023, Optuna's implementation) asks what the best tenth of the trials have in common.
It wants about 50 trials. Functional ANOVA (`fanova.py`) asks what moves AUROC anywhere in the space. Both compare the
parameters that all of the trials have; a conditional one is compared with the others among the trials that made its
choice, branch by branch.

Intervals are bootstraps over trials and episodes; they show how far off few trials are. A trial's value is its AUROC at
its best row after fine-tuning, chosen once on all episodes.
"""

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from coftad.metrics import interval
from coftad.seeding import numpy_generator
from tune_runner.quiet import ignore_warning, quiet
from tune_runner.study.branching import by_branch, parameters, spelt
from tune_runner.study.fanova import first_order
from tune_runner.study.paired import Paired, paired
from tune_runner.study.trainings import Training

log = logging.getLogger(__name__)

ENOUGH_TRIALS = 50
FEWEST_TRIALS = 20  # PED-ANOVA compares the best tenth with the rest; a tenth of fewer is one trial, and shares mislead
_RESAMPLES = 50  # each fits densities anew
_MOST_TRIALS = 1000  # of more, so many drawn ones stand for all


@dataclass(frozen=True)
class Share:
    """One evaluator's share of one parameter in [0, 1], and its 95 % bootstrap interval over trials and episodes."""

    parameter: str
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Branch:
    """Shares among the trials that made one choice.

    where: "" for all trials, else such as `negative_augmentation = void`. ped_anova, fanova: of the parameters that all
    of these trials have and that vary among them, largest first; empty where there are fewer trials than `needed`.
    """

    where: str
    trials: int
    needed: int
    ped_anova: tuple[Share, ...]
    fanova: tuple[Share, ...]


def branches(trainings: Sequence[Training], *, seed: int) -> list[Branch]:
    """All trials first; then every branch in which a conditional parameter exists."""
    everything = paired(trainings)
    found = []
    for made, rows in by_branch(everything.trials):
        chosen = _drawn(everything.among(rows), seed)
        enough = len(rows) >= FEWEST_TRIALS
        ped_anova = _ped_anova(chosen, seed) if enough else ()
        fanova = _fanova(chosen, seed) if enough else ()
        found.append(Branch(spelt(made), len(rows), FEWEST_TRIALS, ped_anova, fanova))
    return found


def _drawn(trials: Paired, seed: int) -> Paired:
    order = numpy_generator(seed, "importance").permutation(len(trials.trials))
    return trials.among(np.sort(order[:_MOST_TRIALS]))


def _fanova(trials: Paired, seed: int) -> tuple[Share, ...]:
    names = parameters(trials.trials)
    if not names:
        return ()
    shares_RD = first_order(trials, names, seed=seed)
    if not len(shares_RD):
        return ()
    return _sorted(
        Share(name, float(samples.mean()), interval(samples)) for name, samples in zip(names, shares_RD.T, strict=True)
    )


def _ped_anova(trials: Paired, seed: int) -> tuple[Share, ...]:
    names = parameters(trials.trials)
    study = _Drawn()
    point = _shares(study, trials.trials, names, trials.values)
    if not point:
        return ()
    generator = numpy_generator(seed, "shares")
    count = len(trials.trials)
    samples: dict[str, list[float]] = {name: [] for name in point}
    for episodes_E in trials.draw_episodes(generator, _RESAMPLES):
        drawn = generator.integers(count, size=count)
        values = trials.drawn_values(drawn, episodes_E)
        for name, value in _shares(study, [trials.trials[row] for row in drawn], names, values).items():
            samples[name].append(value)
    return _sorted(Share(name, value, _reaching(value, samples[name])) for name, value in point.items())


def _reaching(value: float, samples: list[float]) -> tuple[float, float]:
    """Trials repeat in a resample, which makes all small shares larger: their interval begins at the share itself."""
    low, high = interval(np.array(samples or [value]))
    return min(low, value), max(high, value)


def _sorted(found: Iterable[Share]) -> tuple[Share, ...]:
    return tuple(sorted(found, key=lambda each: -each.share))


class _Drawn(optuna.Study):
    """A study of the trials that were drawn; storing ten thousand anew for every resample would take a second each."""

    def __init__(self) -> None:
        storage = InMemoryStorage()
        with quiet():
            storage.create_new_study([StudyDirection.MAXIMIZE], "drawn")
        super().__init__("drawn", storage)
        self.drawn: Sequence[FrozenTrial] = ()

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        return list(self.drawn)  # also dropped ones: they have a value for the episodes they finished


def _shares(
    study: _Drawn, trials: Sequence[FrozenTrial], names: list[str], values: NDArray[np.float64]
) -> Mapping[str, float]:
    """NaN among values: a trial without one. Empty where nothing can be told apart."""
    known = values[np.isfinite(values)]
    if not names or len(known) < 2 or np.ptp(known) == 0:
        return {}
    study.drawn = trials
    value_of = {trial.number: value for trial, value in zip(trials, values, strict=True)}
    try:
        ignore_warning("PedAnovaImportanceEvaluator computes", UserWarning)  # the target is negated, as it asks for
        found = get_param_importances(
            study,
            evaluator=PedAnovaImportanceEvaluator(),
            params=names,
            target=lambda trial: -value_of[trial.number],  # the evaluator takes the lowest for the best
        )
    except (ValueError, RuntimeError) as error:  # too few distinct trials after resampling
        log.debug("no importance shares: %s", error)
        return {}
    return {name: float(value) for name, value in found.items()}
