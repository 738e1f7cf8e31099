"""Mean search AUROC at each level of a training parameter: the shape of its effect.

Means over trials that differ in everything else as well, so the shape is that of the trials that were run: with an
adaptive sampler, of the region that it preferred. An interval is of the AUROC itself, over trials and episodes; two
levels are compared on the same episodes, so their difference is surer than overlapping intervals suggest
(`effects.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

from coftad.seeding import numpy_generator
from tune_runner.study.branching import conditions, spelt
from tune_runner.study.effects import FEWEST_BETWEEN
from tune_runner.study.levels import levels
from tune_runner.study.paired import Paired, paired, resampled_interval

_RESAMPLES = 1000
_MOST_TRIALS = 2000  # at one level, for its interval: one over more is no longer worth its time
_MOST_LEVELS = 5
_FEWEST = 2  # trials at a level: one has no spread


@dataclass(frozen=True)
class Level:
    """Mean search AUROC of `trials` with one value, or in one part of a range; 95 % bootstrap interval."""

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


def means(trials: Sequence[FrozenTrial], *, seed: int) -> list[Means]:
    """By name. Of the parameters that took several values in at least FEWEST_BETWEEN trials; levels of one trial are
    left out. Trials: complete ones, and those that were dropped after some episodes."""
    everything = paired(trials)
    found = []
    for name, made in conditions(everything.trials).items():
        having = everything.having(name)
        if len(having.trials) >= FEWEST_BETWEEN:
            points = _levels(having, name, seed)
            if len(points) > 1:
                found.append(Means(name, spelt(made), points))
    return found


def _levels(having: Paired, name: str, seed: int) -> tuple[Level, ...]:
    generator = numpy_generator(seed, "means", name)
    drawn = having.draw_episodes(generator, _RESAMPLES)
    at = levels([trial.params[name] for trial in having.trials], most=_MOST_LEVELS)
    points = []
    for code, level in enumerate(at.names):
        rows = np.flatnonzero(at.codes == code)
        if len(rows) >= _FEWEST:
            some = generator.permutation(rows)[:_MOST_TRIALS]
            samples = having.among(some).resampled_mean(drawn, generator)
            points.append(Level(level, float(having.among(rows).values.mean()), resampled_interval(samples), len(rows)))
    return tuple(points)
