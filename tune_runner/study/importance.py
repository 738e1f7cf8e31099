"""Shares of importance: which settings separate the best trials from the rest.

Watanabe et al., "PED-ANOVA", IJCAI 2023, Optuna's implementation. It wants about 50 trials; the bootstrap interval over
trials shows how far off fewer are.
"""

import logging
import warnings
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from coftad.metrics import interval
from coftad.seeding import numpy_generator
from tune_runner.study.scored import search_auroc

log = logging.getLogger(__name__)

ENOUGH_TRIALS = 50
FEWEST_TRIALS = 20  # PED-ANOVA compares the best tenth with the rest; a tenth of fewer is one trial, and shares mislead
_RESAMPLES = 50  # each fits densities anew


@dataclass(frozen=True)
class Share:
    """PED-ANOVA's share of one parameter in [0, 1], and its 95 % bootstrap interval over trials."""

    parameter: str
    share: float
    interval: tuple[float, float]


def shares(trials: Sequence[FrozenTrial], *, seed: int) -> list[Share]:
    """Of the parameters that every trial has. Empty if there are fewer than FEWEST_TRIALS or nothing varies."""
    if len(trials) < FEWEST_TRIALS:
        return []
    study = _Drawn()
    point = _shares(study, trials)
    if not point:
        return []
    generator = numpy_generator(seed, "shares")
    samples: dict[str, list[float]] = {name: [] for name in point}
    for _ in range(_RESAMPLES):
        drawn = [trials[index] for index in generator.integers(len(trials), size=len(trials))]
        for name, value in _shares(study, drawn).items():
            samples[name].append(value)
    return [
        Share(name, value, interval(np.array(samples[name] or [value])))
        for name, value in sorted(point.items(), key=lambda item: -item[1])
    ]


class _Drawn(optuna.Study):
    """A study of the trials that were drawn; storing ten thousand anew for every resample would take a second each."""

    def __init__(self) -> None:
        storage = InMemoryStorage()
        storage.create_new_study([StudyDirection.MAXIMIZE], "drawn")
        super().__init__("drawn", storage)
        self.drawn: Sequence[FrozenTrial] = ()

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        return [trial for trial in self.drawn if states is None or trial.state in states]


def _shares(study: _Drawn, trials: Sequence[FrozenTrial]) -> dict[str, float]:
    if len({search_auroc(trial) for trial in trials}) < 2:
        return {}
    study.drawn = trials
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's on experimental parts and on dynamic spaces; both are known
            found = get_param_importances(
                study,
                evaluator=PedAnovaImportanceEvaluator(),
                target=lambda trial: -search_auroc(trial),  # with a target, Optuna takes the lowest for the best
            )
    except (ValueError, RuntimeError) as error:  # too few distinct trials after resampling
        log.debug("no importance shares: %s", error)
        return {}
    return {name: float(value) for name, value in found.items()}
