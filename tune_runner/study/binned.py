"""Mean search AUROC at each level of a training parameter: the shape of its effect.

Means over trials that differ in everything else as well, so the shape is that of the trials that were run: with an
adaptive sampler, of the region that it preferred. An interval is of the AUROC itself, over trials and support sets; two
levels are compared on the same support sets, so their difference is surer than overlapping intervals suggest
(`effects.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune_runner.study.branching import conditions, spelt
from tune_runner.study.contrasts import contrast
from tune_runner.study.effects import FEWEST_BETWEEN
from tune_runner.study.levels import levels
from tune_runner.study.paired import Paired, paired
from tune_runner.study.trainings import Training

_MOST_LEVELS = 5


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
        some = having.among(at.codes == code)
        count = len(some.trials)
        estimate = contrast(np.ones((count, 1)), np.ones(1), some.values, some.aurocs_TE)
        if estimate is not None:  # one trial has no spread
            low, high = estimate.interval()
            points.append(Level(level, estimate.difference, (max(low, 0.0), min(high, 1.0)), count))
    return tuple(points)
