"""scikit-learn's isolation forest on the features (the plain one; Table VIII cites the deep variant)."""

import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor


def score(support_ND: Tensor, z_MD: Tensor, seed: int) -> Tensor:
    """(M,) in (0, 1): higher is more anomalous."""
    forest = IsolationForest(random_state=seed % 2**32, n_jobs=1).fit(support_ND.numpy())
    return torch.from_numpy(-forest.score_samples(z_MD.numpy()))
