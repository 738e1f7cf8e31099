"""AUROC, average precision, F1-max, and how sure we are of them. Anomalies are the positive class (label 1).

Point estimates are scikit-learn's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from coftad.seeding import numpy_generator

Floats = NDArray[np.float64]


class NonFiniteScores(ArithmeticError):
    """A detector gave NaN or infinity, which has no rank."""


@dataclass(frozen=True)
class Metrics:
    """All in [0, 1]; higher is better."""

    auroc: float
    average_precision: float
    f1_max: float


def evaluate(labels: NDArray[np.int8], scores: Floats) -> Metrics:
    """labels, scores: (N,). F1-max is the largest F1 over all thresholds. Raises NonFiniteScores,
    and ValueError for labels of one class only."""
    _check(labels, scores)
    precision, recall, _ = precision_recall_curve(labels, scores)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return Metrics(
        auroc=float(roc_auc_score(labels, scores)),
        average_precision=float(average_precision_score(labels, scores)),
        f1_max=float(f1.max()),
    )


def aurocs(labels: NDArray[np.int8], scores_RN: Floats) -> Floats:
    """(R,): AUROC of each line of scores, all at once, by ranks (Mann and Whitney); a tie counts one half. Raises as
    `evaluate` does."""
    _check(labels, scores_RN)
    anomalous = labels == 1
    count = np.count_nonzero(anomalous)
    above = rankdata(scores_RN, axis=1)[:, anomalous].sum(1) - count * (count + 1) / 2
    return above / (count * (len(labels) - count))


def resample(labels: NDArray[np.int8], *, seed: int, resamples: int) -> Floats:
    """(resamples, N): how often each image is drawn, with replacement, within its class."""
    generator = numpy_generator(seed, "bootstrap")
    counts = np.zeros((resamples, len(labels)))
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        counts[:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=resamples)
    return counts


def placements(labels: NDArray[np.int8], scores: Floats) -> Floats:
    """(N,): of an anomalous image the share of normal ones that score lower, of a normal one the share of anomalous
    ones that score higher; a tie counts one half. The mean over either class is AUROC, and their spread over images
    says how surely it is known (DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988). Raises as `evaluate` does."""
    _check(labels, scores)
    result = np.empty(len(scores))
    anomalous = labels == 1
    normal, abnormal = np.sort(scores[~anomalous]), np.sort(scores[anomalous])
    result[anomalous] = _share_below(scores[anomalous], normal)
    result[~anomalous] = 1 - _share_below(scores[~anomalous], abnormal)
    return result


def _share_below(values: Floats, ascending: Floats) -> Floats:
    ranks = np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right")
    return ranks / (2 * len(ascending))


def interval(samples: Floats, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of bootstrap samples."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _check(labels: NDArray[np.int8], scores: Floats) -> None:
    if not np.isfinite(scores).all():
        raise NonFiniteScores(f"{np.count_nonzero(~np.isfinite(scores))} of {scores.size} scores are not finite")
    if len(np.unique(labels)) != 2:
        raise ValueError(f"labels hold {np.unique(labels).tolist()}; both 0 (normal) and 1 (anomalous) are needed")
