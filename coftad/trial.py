"""One configuration on one episode, nothing else: (config, episode, weights) -> scores of every row.

A *row* is one point of the trajectory under one set of scoring values. One fine-tuning gives them all.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from coftad.metrics import Metrics
from coftad.types import _STRICT, FineTuning, Scoring, Steps


@validated(frozen=True, config=_STRICT)
class TrialConfig:
    """What one trial runs: one training, scored at all `points` of its trajectory under all `scorings`."""

    training: FineTuning
    points: Annotated[tuple[Steps, ...], Field(min_length=1)]
    scorings: Annotated[tuple[Scoring, ...], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class Row:
    """One point of the trajectory under one set of scoring values, measured on the search images only."""

    steps: int
    scoring: Scoring
    search: Metrics


@dataclass(frozen=True, eq=False)
class TrialResult:
    """rows: len(points) * len(scorings), points outermost. scores: (rows, S) float64 for `image_rows` (S,), rows of
    the pool, search and test together. losses: each (steps,), names con, pp, np, all. seconds: train, embed, score."""

    rows: tuple[Row, ...]
    scores: NDArray[np.float64]
    image_rows: NDArray[np.int64]
    losses: dict[str, NDArray[np.float64]]
    seconds: dict[str, float]
