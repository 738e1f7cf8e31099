"""Which settings mattered: differences in AUROC with intervals, and PED-ANOVA's shares.

Scoring and trajectory parameters are compared within each trained network, as all their values were scored on it: a
paired comparison, the sharpest there is. Training parameters are compared between trials; numbers are split at their
median. Which two levels are compared is chosen on the same data, so a difference leans towards large; with an adaptive
sampler, trials are no random sample either. Both are said in every report.

Importance shares: Watanabe et al., "PED-ANOVA", IJCAI 2023, Optuna's implementation. It wants about 50 trials; the
bootstrap interval over trials shows how far off fewer are.
"""

import logging
import warnings
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from coftad.metrics import interval
from coftad.seeding import numpy_generator

log = logging.getLogger(__name__)

ENOUGH_TRIALS = 50
FEWEST_TRIALS = 20  # PED-ANOVA compares the best tenth with the rest; a tenth of fewer is one trial, and shares mislead
_RESAMPLES = 1000
_SHARE_RESAMPLES = 50  # each fits densities anew


@dataclass(frozen=True)
class Effect:
    """AUROC with the `better` level minus with the `worse` one: mean and 95 % bootstrap interval over `trials`."""

    parameter: str
    better: str
    worse: str
    difference: float
    interval: tuple[float, float]
    trials: int
    paired: bool


@dataclass(frozen=True)
class Share:
    """PED-ANOVA's share of one parameter in [0, 1], and its 95 % bootstrap interval over trials."""

    parameter: str
    share: float
    interval: tuple[float, float]


def completed(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def effects(trials: Sequence[FrozenTrial], *, seed: int) -> list[Effect]:
    """Largest difference first."""
    found = [*_paired(trials, seed), *_between(trials, seed)]
    return sorted(found, key=lambda effect: -effect.difference)


def _paired(trials: Sequence[FrozenTrial], seed: int) -> list[Effect]:
    found = []
    for name in _varying([row for trial in trials for row in trial.user_attrs["rows"]]):
        means: list[dict[str, float]] = []  # per trial: level -> mean AUROC over everything else
        for trial in trials:
            by_level: dict[str, list[float]] = defaultdict(list)
            for row in trial.user_attrs["rows"]:
                by_level[_text(row[name])].append(row["auroc"])
            means.append({level: float(np.mean(values)) for level, values in by_level.items()})
        levels = sorted(set.intersection(*(set(each) for each in means)))
        if len(levels) < 2:
            continue
        table = np.array([[each[level] for level in levels] for each in means])
        best, worst = int(table.mean(0).argmax()), int(table.mean(0).argmin())
        difference = table[:, best] - table[:, worst]
        drawn = numpy_generator(seed, "effects", name).integers(len(difference), size=(_RESAMPLES, len(difference)))
        found.append(
            Effect(
                name,
                levels[best],
                levels[worst],
                float(difference.mean()),
                interval(difference[drawn].mean(1)),
                len(difference),
                paired=True,
            )
        )
    return found


def _varying(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [name for name in rows[0] if name != "auroc"] if rows else []
    return [name for name in names if len({_text(row[name]) for row in rows}) > 1]


def _between(trials: Sequence[FrozenTrial], seed: int) -> list[Effect]:
    found = []
    for name in sorted({name for trial in trials for name in trial.params}):
        having = [trial for trial in trials if name in trial.params]
        groups: dict[str, list[float]] = defaultdict(list)
        for trial, level in zip(having, _levels([trial.params[name] for trial in having]), strict=True):
            assert trial.value is not None  # complete trials have one
            groups[level].append(trial.value)
        usable = {level: np.array(values) for level, values in groups.items() if len(values) >= 2}
        if len(usable) < 2:
            continue
        best = max(usable, key=lambda level: usable[level].mean())
        worst = min(usable, key=lambda level: usable[level].mean())
        generator = numpy_generator(seed, "effects", name)
        samples = _resampled_mean(usable[best], generator) - _resampled_mean(usable[worst], generator)
        difference = float(usable[best].mean() - usable[worst].mean())
        found.append(Effect(name, best, worst, difference, interval(samples), len(having), paired=False))
    return found


def _levels(values: Sequence[Any]) -> list[str]:
    """Texts as they are; numbers as below or above their median, unless they take few values."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not numbers or len(set(values)) <= 4:
        return [_text(value) for value in values]
    median = float(np.median(values))
    return [f"{'<=' if value <= median else '>'} {median:.3g}" for value in values]


def _resampled_mean(values: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    return values[generator.integers(len(values), size=(_RESAMPLES, len(values)))].mean(1)


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
    for _ in range(_SHARE_RESAMPLES):
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
    if len({trial.value for trial in trials}) < 2:
        return {}
    study.drawn = trials
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's on experimental parts and on dynamic spaces; both are known
            found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    except (ValueError, RuntimeError) as error:  # too few distinct trials after resampling
        log.debug("no importance shares: %s", error)
        return {}
    return {name: float(value) for name, value in found.items()}


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
