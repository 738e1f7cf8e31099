"""Scores with a known mean AUROC, in place of training.

The score of image i under configuration t in episode e is hardness_i + label_i * strength_te + a little noise. The
hardness of an image is common to all configurations and episodes, as some images are hard for every detector. The
strength is what gives the planted mean AUROC over support sets and images, with two parts that move it from one support
set to the next: one common to all configurations, and one of the configuration's own. Of the latter, most belongs to
the training, some to the point of its trajectory, and a little to the row, so that the rows of one training go together
as they do in real sweeps. The untrained network of a backbone is one network: its scores at step 0 are the same in
every trial with that backbone.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from benchmarks.claims.scenarios import Cell, Scenario
from coftad.criteria import SIGNS
from coftad.seeding import numpy_generator
from coftad.trial import TrialConfig
from coftad.types import Criterion, Episode, FineTuning, Scoring

Floats = NDArray[np.float64]

BASE = 0.72  # mean AUROC of a configuration without a gain
COMMON = 0.03  # standard deviation of AUROC from one support set to another that all configurations share
LITTLE = 0.1  # noise of one score, in standard deviations of hardness
SHARES = {"training": 0.7, "point": 0.2, "row": 0.1}  # of the variance of a configuration's own noise
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(101)


@cache
def probit_deviation(mean: float, deviation: float) -> float:
    """The standard deviation b for which Phi(a + b Z) has this mean and standard deviation, a being that of `location`.
    Z is standard normal."""
    if deviation == 0:
        return 0.0

    def excess(b: float) -> float:
        aurocs = ndtr(location(mean, b) + b * _NODES)
        return float(np.sqrt(np.average((aurocs - mean) ** 2, weights=_WEIGHTS)) - deviation)

    return float(brentq(excess, 0.0, 20.0))


def location(mean: float, *deviations: float) -> float:
    """a, for which Phi(a + b_1 Z_1 + b_2 Z_2 + ...) has this mean."""
    return float(ndtri(mean) * np.sqrt(1 + sum(b * b for b in deviations)))


@dataclass(frozen=True)
class World:
    """One data set and all that is true of it: everything in it follows from the seed."""

    scenario: Scenario
    cell: Cell
    seed: int
    _untrained: dict[object, tuple[Floats, list[dict[Criterion, float]]]] = field(default_factory=dict)
    _hardness: dict[int, Floats] = field(default_factory=dict)

    def gain(self, training: FineTuning, steps: int, scoring: Scoring) -> float:
        """Planted, in units of the effect."""
        return self.scenario.gain(training, steps, scoring)

    def mean(self, training: FineTuning, steps: int, scoring: Scoring) -> float:
        """The AUROC that a configuration has over support sets and images, in [0, 1]."""
        return BASE + self.cell.effect / 100 * self.gain(training, steps, scoring)

    def scores(self, config: TrialConfig, episode: Episode) -> tuple[Floats, list[dict[Criterion, float]]]:
        """(rows, S) of `episode.scored_rows`, points outermost, and the criteria of each row."""
        key = repr(config.training)
        strengths, criteria = [], []
        own = self._deviate(episode, key)
        for steps in config.points:
            if steps == 0:
                scores, unlabelled = self._network_before(config, episode)
            else:
                scores, unlabelled = self._rows(config, episode, steps, own, key)
            strengths.append(scores)
            criteria += unlabelled
        return np.concatenate(strengths), criteria

    def _network_before(self, config: TrialConfig, episode: Episode) -> tuple[Floats, list[dict[Criterion, float]]]:
        backbone = config.training.backbone
        key = (backbone, episode.index, config.scorings)
        if key not in self._untrained:
            before = TrialConfig(FineTuning(backbone=backbone), (0,), config.scorings)
            own = self._deviate(episode, backbone)
            self._untrained[key] = self._rows(before, episode, 0, own, f"untrained {backbone}")
        return self._untrained[key]

    def _deviate(self, episode: Episode, name: str) -> float:
        return float(numpy_generator(self.seed, "own", episode.index, name).normal())

    def _rows(
        self, config: TrialConfig, episode: Episode, steps: int, own: float, name: str
    ) -> tuple[Floats, list[dict[Criterion, float]]]:
        """Of one point of the trajectory."""
        generator = numpy_generator(self.seed, "rows", episode.index, name, steps)
        point, common = generator.normal(), self._deviate(episode, "common")
        if self.scenario.support_noise:  # half of the variance goes with the backbone
            own = (own + self._deviate(episode, f"suits {config.training.backbone}")) / np.sqrt(2)
        rows = generator.normal(size=len(config.scorings))
        deviates = np.sqrt(SHARES["training"]) * own + np.sqrt(SHARES["point"]) * point + np.sqrt(SHARES["row"]) * rows
        spread = self.scenario.spread(config.training) if self.scenario.spread and steps else 1.0
        means = [self.mean(config.training, steps, scoring) for scoring in config.scorings]
        strengths = np.array(
            [
                strength(mean, self.cell.noise / 100 * spread, deviate, common)
                for mean, deviate in zip(means, deviates, strict=True)
            ]
        )
        anomalous = episode.pool.labels[episode.scored_rows] == 1
        little = generator.normal(0, LITTLE, (len(strengths), len(anomalous)))
        scores = self.hardness(len(episode.pool))[episode.scored_rows] + strengths[:, None] * anomalous + little
        unlabelled = self._criteria(generator, float(np.mean(means)), steps)
        return scores, [unlabelled] * len(strengths)

    def hardness(self, images: int) -> Floats:
        """(images,)"""
        if images not in self._hardness:
            self._hardness[images] = numpy_generator(self.seed, "hardness").normal(size=images)
        return self._hardness[images]

    def _criteria(self, generator: np.random.Generator, mean: float, steps: int) -> dict[Criterion, float]:
        """One value of each for all scorings, as they have of the real compactness and loss."""
        drawn: dict[Criterion, float] = dict(zip(SIGNS, generator.normal(size=len(SIGNS)).tolist(), strict=True))
        if self.scenario.informative:
            drawn["compactness"] = 20 * (mean - BASE) + drawn["compactness"]
        if steps == 0:
            del drawn["loss"]
        return drawn


def strength(mean: float, deviation: float, deviate: float, common: float) -> float:
    """What is added to the hardness of anomalous images, so that the AUROC has this mean and standard deviation over
    the standard normal `deviate` and `common`, of which the latter moves it by COMMON."""
    own, shared = probit_deviation(mean, deviation), probit_deviation(BASE, COMMON)
    return float(np.sqrt(2 * (1 + LITTLE**2)) * (location(mean, own, shared) + own * deviate + shared * common))
