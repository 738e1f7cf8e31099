"""A difference between levels of a setting, by least squares over trainings, and how surely it is known.

A training's AUROC is its mean over support sets. The variance of a difference comes from the spread of trainings that
differ in everything else: the larger of the pooled estimate and HC3 (MacKinnon & White 1985), as an adaptive sampler
leaves levels with unequal numbers and unequal spread. Support sets are few, and the same for all trainings: where a
difference varies more from one to another than trainings explain, what it varies by is a second source, with one degree
of freedom less than there are support sets. It is left out where an F-test at SOURCE does not ask for it (Bancroft
1944), as two or three support sets would else forbid every claim.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from tune_runner.study.evidence import Component, Estimate

Floats = NDArray[np.float64]

SOURCE = 0.25
_ROUNDING = 1e-24  # of a square of AUROCs


def indicators(codes: NDArray[np.intp]) -> Floats:
    """(T, L) of 0 and 1, one column for each code that occurs."""
    return (codes[:, None] == np.unique(codes)).astype(float)


def contrast(design_TP: Floats, weights_P: Floats, values_T: Floats, values_TE: Floats) -> Estimate | None:
    """Of `weights_P` @ coefficients, the coefficients of a least-squares fit.

    Args:
        design_TP: of T trainings; columns may depend on each other.
        weights_P: of a difference that the design can tell, such as that between two columns of indicators.
        values_T: AUROC of each training, mean over support sets.
        values_TE: AUROC on each support set; a row with NaN does not tell how the difference varies between them.

    Returns:
        None where there is no training more than the fit needs.
    """
    fit_PT = np.linalg.pinv(design_TP)
    linear_T = weights_P @ fit_PT
    hat_T = np.einsum("tp,pt->t", design_TP, fit_PT)
    freedom = len(values_T) - int(np.linalg.matrix_rank(design_TP))
    if freedom < 1:
        return None
    residual_T = values_T - design_TP @ (fit_PT @ values_T)
    pooled = float(residual_T @ residual_T / freedom * (linear_T @ linear_T))
    robust = float(((linear_T * residual_T / np.maximum(1 - hat_T, 1e-3)) ** 2).sum())
    sources = [Component(max(pooled, robust), freedom)]
    complete = np.isfinite(values_TE).all(1)
    if values_TE.shape[1] > 1:
        sources += _between_support_sets(design_TP[complete], weights_P, values_TE[complete])
    return Estimate.of(float(linear_T @ values_T), sources)


def _between_support_sets(design_TP: Floats, weights_P: Floats, values_TE: Floats) -> list[Component]:
    """What a difference varies by from one support set to another, beyond what trainings explain; if anything."""
    trainings, episodes = values_TE.shape
    fit_PT = np.linalg.pinv(design_TP)
    rank = int(np.linalg.matrix_rank(design_TP)) if trainings else 0
    # The difference has to be one that the complete trainings can tell.
    if trainings <= rank or not np.allclose(weights_P @ fit_PT @ design_TP, weights_P, atol=1e-6):
        return []
    linear_T = weights_P @ fit_PT
    own_TE = values_TE - design_TP @ (fit_PT @ values_TE)
    own_TE = own_TE - own_TE.mean(1, keepdims=True)
    freedom = (trainings - rank) * (episodes - 1)
    expected = float((own_TE**2).sum() / freedom * (linear_T @ linear_T))
    varies = float((linear_T @ values_TE).var(ddof=1))
    if varies <= expected + _ROUNDING:
        return []
    if expected > 0 and f_distribution.sf(varies / expected, episodes - 1, freedom) > SOURCE:
        return []
    return [Component((varies - expected) / episodes, episodes - 1)]
