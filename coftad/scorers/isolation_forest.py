"""scikit-learn's isolation forest on the features (Table VIII; the paper cites the deep variant, this is the plain)."""

import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor


def score(support_ND: Tensor, z_MD: Tensor, seed: int) -> Tensor:
    """(M,) in (0, 1): higher is more anomalous."""
    forest = IsolationForest(random_state=seed % 2**32, n_jobs=1).fit(support_ND.numpy())
    return torch.from_numpy(-forest.score_samples(z_MD.numpy()))
