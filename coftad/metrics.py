"""AUROC, average precision, F1-max, and how sure we are of them. Anomalies are the positive class (label 1).

Point estimates are scikit-learn's. The bootstrap weighs images instead of copying them, so that a thousand resamples
of all three metrics are a few matrix products.
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


def weighted_auroc(labels: NDArray[np.int8], scores: Floats, counts_RN: Floats) -> Floats:
    """(R,): AUROC of each resample; a tie counts one half."""
    normal, anomalous = scores[labels == 0], scores[labels == 1]
    wins = (anomalous[:, None] > normal) + 0.5 * (anomalous[:, None] == normal)
    weights = counts_RN[:, labels == 1]
    pairs = weights.sum(1) * counts_RN[:, labels == 0].sum(1)
    return np.einsum("ra,ra->r", weights, counts_RN[:, labels == 0] @ wins.T) / pairs


def _weighted_precision_recall(
    labels: NDArray[np.int8], scores: Floats, counts_RN: Floats
) -> tuple[Floats, Floats, Floats]:
    """Average precision (R,), and precision and recall (R, T) at each of the T distinct scores."""
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    flagged = np.cumsum(counts_RN[:, order], 1)[:, last_of_tie]
    true = np.cumsum(counts_RN[:, order] * labels[order], 1)[:, last_of_tie]
    precision = np.divide(true, flagged, out=np.ones_like(true), where=flagged > 0)
    recall = true / true[:, -1:]
    average = (np.diff(recall, axis=1, prepend=0) * precision).sum(1)
    return average, precision, recall


def bootstrap_interval(
    labels: NDArray[np.int8], scores: Floats, *, seed: int, level: float = 0.95, resamples: int = 1000
) -> dict[str, tuple[float, float]]:
    """Percentile interval of each metric over images, drawn within their class (Efron & Tibshirani 1993, ch. 13)."""
    _check(labels, scores)
    counts = resample(labels, seed=seed, resamples=resamples)
    average, precision, recall = _weighted_precision_recall(labels, scores, counts)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0).max(1)
    samples = {"auroc": weighted_auroc(labels, scores, counts), "average_precision": average, "f1_max": f1}
    return {name: interval(values, level) for name, values in samples.items()}


def interval(samples: Floats, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of bootstrap samples."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def auroc_over_episodes(
    labels: list[NDArray[np.int8]], scores: list[Floats], *, seed: int, resamples: int = 1000
) -> Floats:
    """(resamples,) bootstrap samples of the mean AUROC over episodes, which are resampled as well as the images.

    Episodes of one sweep share their images where the labels have equal length; then one draw of images serves all
    (Owen's pigeonhole bootstrap, 2007), as the same hard image hurts every episode.
    """
    generator = numpy_generator(seed, "episodes")
    aurocs = np.stack(
        [
            weighted_auroc(label, score, resample(label, seed=seed, resamples=resamples))
            for label, score in zip(labels, scores, strict=True)
        ]
    )
    drawn = generator.integers(len(aurocs), size=(resamples, len(aurocs)))
    return aurocs[drawn, np.arange(resamples)[:, None]].mean(1)


def _check(labels: NDArray[np.int8], scores: Floats) -> None:
    if not np.isfinite(scores).all():
        raise NonFiniteScores(f"{np.count_nonzero(~np.isfinite(scores))} of {scores.size} scores are not finite")
    if len(np.unique(labels)) != 2:
        raise ValueError(f"labels hold {np.unique(labels).tolist()}; both 0 (normal) and 1 (anomalous) are needed")
