"""scikit-learn's isolation forest on the features (the plain one; Table VIII cites the deep variant)."""

from collections.abc import Callable

import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor

READS = frozenset({"n_a", "l2_norm"})  # fields of Scoring


def fit(support_ND: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    """A function from (M, D) features to (M,) scores in (0, 1): higher is more anomalous."""
    forest = IsolationForest(random_state=seed % 2**32, n_jobs=1).fit(support_ND.numpy())
    return lambda z_MD: torch.from_numpy(-forest.score_samples(z_MD.numpy()))
