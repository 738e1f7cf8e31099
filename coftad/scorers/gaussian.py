"""Gaussian of Eq. 7 and Mahalanobis distance of Eq. 8.

Sigma of n samples in d dimensions has rank below n, usually far below d, so it is never formed when n < d: its
eigenvectors come from the n x n Gram matrix, and what lies outside their span meets epsilon alone. Both ways are the
same number, exactly. All in float64: the smallest kept variances are far below float32's resolution of the largest.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

READS = frozenset({"n_a", "l2_norm", "epsilon"})  # fields of Scoring


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of Eq. 7. mean: (D,). axes: (R, D) orthonormal. variances: (R,) > 0, eigenvalues of Sigma."""

    mean: Tensor
    axes: Tensor
    variances: Tensor

    @property
    def mean_variance(self) -> float:
        """tr(Sigma) / D."""
        return float(self.variances.sum()) / len(self.mean)


def moments(z_ND: Tensor) -> Moments:
    """Maximum likelihood: divided by N, not N - 1, as Eq. 7 is printed."""
    z_ND = z_ND.double()
    n, d = z_ND.shape
    mean = z_ND.mean(0)
    centred = z_ND - mean
    if n < d:
        values, vectors = torch.linalg.eigh(centred @ centred.T / n)
        keep = _kept(values, n, d)
        axes = (centred.T @ vectors[:, keep] / (values[keep] * n).sqrt()).T
    else:
        values, vectors = torch.linalg.eigh(centred.T @ centred / n)
        keep = _kept(values, n, d)
        axes = vectors[:, keep].T
    return Moments(mean, axes, values[keep])


def _kept(values: Tensor, n: int, d: int) -> Tensor:
    """Directions whose variance is more than the rounding error of the eigenvalues (LAPACK's usual bound)."""
    return values > values.max().clamp(min=0) * max(n, d) * torch.finfo(values.dtype).eps


def mahalanobis(z_ND: Tensor, fitted: Moments, epsilon: float) -> Tensor:
    """(N,) distances of Eq. 8 with Sigma + epsilon * (tr(Sigma) / D) * I.

    The paper adds "a small epsilon" of no stated size. Here it is relative to the mean variance, so that it means the
    same for tight and loose clusters and with or without L2 normalisation. Where all samples coincide Sigma is zero
    and the distance is Euclidean.
    """
    delta = z_ND.double() - fitted.mean
    along = delta @ fitted.axes.T
    ridge = epsilon * fitted.mean_variance
    if ridge == 0:
        return delta.norm(dim=1)
    inside = (along**2 / (fitted.variances + ridge)).sum(1)
    outside = (delta**2).sum(1) - (along**2).sum(1)
    return (inside + outside.clamp(min=0) / ridge).sqrt()
