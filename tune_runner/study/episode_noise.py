"""How far one configuration's AUROC moves with the support set, beyond what all configurations have in common.

Two or three support sets say little about it. All configurations of a sweep together say more: in the two-way layout
without replication, what is left of an AUROC after its configuration's mean and its support set's is this noise. It
need not be the same for all, so a comparison weighs the sweep's variance and its own by their degrees of freedom; the
sweep's are fewer the more its configurations differ in noise (Smyth, "Linear models and empirical Bayes methods",
Statistical Applications in Genetics and Molecular Biology 3, 2004). Where the comparison's own variance is larger it
counts alone.

Only configurations that were drawn without a look at results count: an adaptive sampler's lie close together and share
their noise, which then looks smaller than it is.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from tune_runner.study.evidence import Component

Floats = NDArray[np.float64]

_SMALLEST = 1e-12  # a variance of AUROC below which it is rounding
_FEWEST = 3  # configurations; two cannot tell noise from a difference that varies


@dataclass(frozen=True)
class EpisodeNoise:
    """variance: of one configuration's AUROC on one support set. freedom: how much that is worth beside a comparison's
    own, in degrees of freedom; 0 where nothing is known."""

    variance: float = 0.0
    freedom: float = 0.0

    def of_mean(self, differences_E: Floats) -> Component | None:
        """Variance of the mean of a difference between two configurations over E support sets, which are fewer than a
        sample needs; None of one support set where the sweep says nothing, either."""
        episodes = len(differences_E)
        own = float(differences_E.var(ddof=1)) if episodes > 1 else 0.0
        freedom = self.freedom + episodes - 1
        if freedom == 0:
            return None
        moderated = (self.freedom * 2 * self.variance + (episodes - 1) * own) / freedom
        return Component(max(moderated, own) / episodes, freedom)


def episode_noise(aurocs_TE: Floats) -> EpisodeNoise:
    """aurocs_TE: of T configurations on the same E support sets; all finite."""
    configurations, episodes = aurocs_TE.shape
    if configurations < _FEWEST or episodes < 2:
        return EpisodeNoise()
    left_TE = aurocs_TE - aurocs_TE.mean(1, keepdims=True) - aurocs_TE.mean(0) + aurocs_TE.mean()
    pooled_freedom = (configurations - 1) * (episodes - 1)
    pooled = float((left_TE**2).sum() / pooled_freedom)
    if pooled < _SMALLEST:
        return EpisodeNoise(0.0, pooled_freedom)
    freedom = episodes - 1
    each_T = (left_TE**2).sum(1) / freedom * configurations / (configurations - 1)
    logs_T = np.log(np.maximum(each_T, 1e-4 * pooled))  # a zero by chance has no logarithm
    excess = float(logs_T.var(ddof=1)) - float(polygamma(1, freedom / 2))
    if excess <= 0:
        return EpisodeNoise(pooled, pooled_freedom)
    prior = min(2 * _inverse_trigamma(excess), pooled_freedom)
    centre = float(logs_T.mean()) - digamma(freedom / 2) + math.log(freedom / 2)
    variance = math.exp(centre + digamma(prior / 2) - math.log(prior / 2))
    return EpisodeNoise(max(variance, pooled), prior)


def _inverse_trigamma(value: float) -> float:
    return float(brentq(lambda x: polygamma(1, x) - value, 1e-4, 1e6))
