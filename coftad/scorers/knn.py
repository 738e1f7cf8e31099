"""Distance to the nearest support features (Table VIII, "kNN")."""

import torch
from torch import Tensor

from coftad.types import InputError

READS = frozenset({"n_a", "l2_norm", "neighbours"})  # fields of Scoring


def score(support_ND: Tensor, z_MD: Tensor, neighbours: int) -> Tensor:
    """(M,): mean Euclidean distance to the `neighbours` nearest of the N augmented support features."""
    if neighbours > len(support_ND):
        raise InputError(
            f"neighbours: {neighbours} is more than the {len(support_ND)} support features (shots times n_a) there are"
        )
    distances = torch.cdist(z_MD.double(), support_ND.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return distances.topk(neighbours, largest=False).values.mean(1)
