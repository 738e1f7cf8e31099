"""The losses of COFT-AD (Liao et al., Section III) as pure functions of embeddings.

Suffixes give shapes: B the batch, D the embedding. Arguments called target come from the EMA network and carry no
gradient: each loss detaches them, so that the stop-gradient holds whoever calls.
"""

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity


def contrastive(prediction_BD: Tensor, target_projection_BD: Tensor) -> Tensor:
    """Eq. 1: minus the mean cosine between q(g(z)) of one view and g(z') of the target's view. In [-1, 1]."""
    return -cosine_similarity(prediction_BD, target_projection_BD.detach()).mean()


def cross_instance(online_BD: Tensor, target_BD: Tensor, permutation_B: Tensor) -> Tensor:
    """Eq. 4: pull image i to image p(i), in both directions, on backbone features. In [-1, 1].

    The double sum over i and "j in p" is read as the pairs (i, p(i)): the paper's text speaks of 64 pairs for a batch
    of 64 (Section IV.C). No embedding is computed for this loss; both arguments come from Eq. 1.
    """
    target_BD = target_BD.detach()
    there = cosine_similarity(online_BD, target_BD[permutation_B])
    back = cosine_similarity(online_BD[permutation_B], target_BD)
    return -(there + back).mean() / 2


def fixed_centre(online_BD: Tensor, centre_D: Tensor) -> Tensor:
    """The alternative to Eq. 4 in Table VI ("F.C."): pull every image to a centre fixed before training. In [-1, 1].

    DeepSVDD measures Euclidean distance; here it is the cosine, so that lambda_pp weighs the same kind of number.
    """
    return -cosine_similarity(online_BD, centre_D.detach()[None]).mean()


def negative_pair(online_negative_BD: Tensor, target_clean_BD: Tensor) -> Tensor:
    """Eq. 5: the mean cosine between t_n(X) in the online network and the clean X in the target. In [-1, 1]."""
    return cosine_similarity(online_negative_BD, target_clean_BD.detach()).mean()


def total(con: Tensor, pp: Tensor, np: Tensor, *, lambda_pp: float, lambda_np: float) -> Tensor:
    """Eq. 6."""
    return con + lambda_pp * pp + lambda_np * np


@torch.no_grad()
def centre(embeddings_BD: Tensor) -> Tensor:
    """(D,): the mean direction of the embeddings, for `fixed_centre`."""
    return torch.nn.functional.normalize(embeddings_BD, dim=1).mean(0)
