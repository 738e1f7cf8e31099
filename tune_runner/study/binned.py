"""Mean search AUROC at each level of a training parameter: the shape of its effect.

Means over trials that differ in everything else as well, so the shape is that of the trials that were run: with an
adaptive sampler, of the region that it preferred. An interval is of the mean AUROC over trials, on the support sets and
images of the sweep; whether two levels differ is another question (`effects.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tune_runner.study.branching import conditions, spelt
from tune_runner.study.effects import FEWEST_BETWEEN
from tune_runner.study.evidence import Component, Estimate
from tune_runner.study.levels import levels
from tune_runner.study.paired import Paired, paired
from tune_runner.study.trainings import Training

_RESAMPLES = 1000
_MOST_TRIALS = 2000  # at one level, for its interval: one over more is no longer worth its time
_MOST_LEVELS = 5
_FEWEST = 2  # trials at a level: one has no spread


@dataclass(frozen=True)
class Level:
    """Mean search AUROC of `trials` with one value, or in one part of a range; its 95 % interval."""

    value: str
    auroc: float
    interval: tuple[float, float]
    trials: int


@dataclass(frozen=True)
class Means:
    """Mean search AUROC at each level of one training parameter, among the trials where it exists.

    where: the choice under which that is, such as `negative_augmentation = void`; "" for all trials.
    """

    parameter: str
    where: str
    levels: tuple[Level, ...]


def means(trainings: Sequence[Training]) -> list[Means]:
    """By name. Of the parameters that took several values in at least FEWEST_BETWEEN trials; levels of one trial are
    left out."""
    everything = paired(trainings)
    found = []
    for name, made in conditions(everything.trials).items():
        having = everything.having(name)
        if len(having.trials) >= FEWEST_BETWEEN:
            points = _levels(having, name)
            if len(points) > 1:
                found.append(Means(name, spelt(made), points))
    return found


def _levels(having: Paired, name: str) -> tuple[Level, ...]:
    at = levels([trial.params[name] for trial in having.trials], most=_MOST_LEVELS)
    points = []
    for code, level in enumerate(at.names):
        values = having.values[at.codes == code]
        if len(values) >= _FEWEST:
            spread = Component(float(values.var(ddof=1)) / len(values), len(values) - 1)
            low, high = Estimate.of(float(values.mean()), [spread]).interval()
            points.append(Level(level, float(values.mean()), (max(low, 0.0), min(high, 1.0)), len(values)))
    return tuple(points)
