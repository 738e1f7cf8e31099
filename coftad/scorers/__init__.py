"""From features to anomaly scores, for a whole list of scoring values in one pass.

To add a scorer: a file here with a function of features, a line in SCORERS, its name in `coftad.types.ScorerName`.
PatchCore is no function of pooled features and not in SCORERS: `coftad.scoring` gives it the feature maps it needs.
"""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor
from torch.nn.functional import normalize

from coftad.scorers import deep_isolation_forest, gaussian, isolation_forest, knn
from coftad.types import ScorerName, Scoring


def _gaussian(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    fitted = gaussian.moments(support_ND)  # once for all values of epsilon
    return lambda z, scoring: gaussian.mahalanobis(z, fitted, scoring.epsilon)


def _knn(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    return lambda z, scoring: knn.score(support_ND, z, scoring.neighbours)


def _isolation_forest(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    return lambda z, scoring: isolation_forest.score(support_ND, z, seed)


def _deep_isolation_forest(support_ND: Tensor, seed: int) -> Callable[[Tensor, Scoring], Tensor]:
    return lambda z, scoring: deep_isolation_forest.score(support_ND, z, seed)


SCORERS: Mapping[ScorerName, Callable[[Tensor, int], Callable[[Tensor, Scoring], Tensor]]] = {
    "gaussian": _gaussian,
    "knn": _knn,
    "isolation_forest": _isolation_forest,
    "deep_isolation_forest": _deep_isolation_forest,
}


def score_all(scorings: Sequence[Scoring], support_AKD: Tensor, features_MD: Tensor, *, seed: int) -> Tensor:
    """(len(scorings), M) scores. support_AKD: features of A augmentations of K images; n_a takes the first n_a.

    Normalisation and fit are shared by all scorings that differ only in what comes after them.
    """
    scores = features_MD.new_empty(len(scorings), len(features_MD))
    fits: dict[tuple[str, bool, int], Callable[[Tensor, Scoring], Tensor]] = {}
    inputs: dict[bool, tuple[Tensor, Tensor]] = {}
    for row, scoring in enumerate(scorings):
        if scoring.l2_norm not in inputs:
            inputs[scoring.l2_norm] = (_input(support_AKD, scoring), _input(features_MD, scoring))
        support, features = inputs[scoring.l2_norm]
        key = (scoring.scorer, scoring.l2_norm, scoring.n_a)
        if key not in fits:
            fits[key] = SCORERS[scoring.scorer](support[: scoring.n_a].flatten(0, 1), seed)
        scores[row] = fits[key](features, scoring)
    return scores


def _input(features: Tensor, scoring: Scoring) -> Tensor:
    return normalize(features, dim=-1) if scoring.l2_norm else features


__all__ = ["SCORERS", "score_all"]
