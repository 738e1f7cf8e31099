"""AUROC, average precision, F1-max, and how sure we are of them. Anomalies are the positive class (label 1)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metrics:
    """All in [0, 1]; higher is better."""

    auroc: float
    average_precision: float
    f1_max: float
