"""From features to anomaly scores, for a whole list of scoring values in one pass.

To add a scorer: a file here with a function of features and READS, the fields of `Scoring` that its scores depend on; a
line in SCORERS and in READS; its name in `coftad.types.ScorerName`. PatchCore is no function of pooled features and not
in SCORERS: `coftad.scoring` gives it the feature maps it needs.
"""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor
from torch.nn.functional import normalize

from coftad.scorers import deep_isolation_forest, gaussian, isolation_forest, knn, patchcore
from coftad.types import ScorerName, Scoring


def _gaussian(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    fitted = gaussian.moments(support_ND)  # once for all values of epsilon
    return lambda z, scoring: gaussian.mahalanobis(z, fitted, scoring.epsilon)


def _knn(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    return lambda z, scoring: knn.score(support_ND, z, scoring.neighbours)


def _isolation_forest(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    score = isolation_forest.fit(support_ND, seed)
    return lambda z, _: score(z)


def _deep_isolation_forest(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    score = deep_isolation_forest.fit(support_ND, seed)
    return lambda z, _: score(z)


SCORERS: Mapping[ScorerName, Callable[[Tensor, int], Callable[[Tensor, Scoring], Tensor]]] = {
    "gaussian": _gaussian,
    "knn": _knn,
    "isolation_forest": _isolation_forest,
    "deep_isolation_forest": _deep_isolation_forest,
}

READS: Mapping[ScorerName, frozenset[str]] = {
    "gaussian": gaussian.READS,
    "knn": knn.READS,
    "isolation_forest": isolation_forest.READS,
    "deep_isolation_forest": deep_isolation_forest.READS,
    "patchcore": patchcore.READS,
}


def reads(scorer: ScorerName) -> frozenset[str]:
    """The fields of `Scoring` that the scores of this scorer depend on, `scorer` among them.

    Two scorings of one scorer that differ only in other fields give the same scores, bit for bit.
    """
    return READS[scorer] | {"scorer"}


class Fits:
    """Scorings fitted to pooled features; normalisation and fit are shared by all that differ only in what comes after
    them."""

    def __init__(self, scorings: Sequence[Scoring], support_AKD: Tensor, *, seed: int) -> None:
        """support_AKD: features of A augmentations of K images; n_a takes the first n_a."""
        self.scorings = scorings
        inputs: dict[bool, Tensor] = {}
        self._fits: dict[tuple[str, bool, int], Callable[[Tensor, Scoring], Tensor]] = {}
        for scoring in scorings:
            if scoring.l2_norm not in inputs:
                inputs[scoring.l2_norm] = _input(support_AKD, scoring)
            if (key := _key(scoring)) not in self._fits:
                support_ND = inputs[scoring.l2_norm][: scoring.n_a].flatten(0, 1)
                self._fits[key] = SCORERS[scoring.scorer](support_ND, seed)

    def score(self, features_MD: Tensor) -> Tensor:
        """(len(scorings), M) scores."""
        scores = features_MD.new_empty(len(self.scorings), len(features_MD))
        inputs: dict[bool, Tensor] = {}
        for row, scoring in enumerate(self.scorings):
            if scoring.l2_norm not in inputs:
                inputs[scoring.l2_norm] = _input(features_MD, scoring)
            scores[row] = self._fits[_key(scoring)](inputs[scoring.l2_norm], scoring)
        return scores


def _key(scoring: Scoring) -> tuple[str, bool, int]:
    return scoring.scorer, scoring.l2_norm, scoring.n_a


def _input(features: Tensor, scoring: Scoring) -> Tensor:
    return normalize(features, dim=-1) if scoring.l2_norm else features


__all__ = ["READS", "SCORERS", "Fits", "reads"]
