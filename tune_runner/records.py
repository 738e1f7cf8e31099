"""Append-only local record of every finished episode: the only truth about results.

A sweep's directory holds

    sweep.yaml            the resolved specification
    study.db              Optuna's storage
    records.jsonl         one line a finished episode, appended and synced to disk before anybody is told
    scores/*.npz          its scores and loss curves

A line is written after its npz, so a line never points to a missing file; a torn last line is dropped when read.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from coftad.metrics import Metrics
from coftad.types import FineTuning, Scoring


class RowRecord(BaseModel):
    model_config = ConfigDict(frozen=True)

    steps: int
    scoring: Scoring
    search: Metrics


class EpisodeRecord(BaseModel):
    """One finished episode of one configuration. `trial` is Optuna's trial number, `ray_trial` Ray's id."""

    model_config = ConfigDict(frozen=True)

    trial: int
    ray_trial: str
    episode: int
    seed: int
    training: FineTuning
    rows: tuple[RowRecord, ...]
    scores_file: str  # relative to the sweep's directory: scores (R, S), image_rows (S,), loss_con, loss_pp, ... (steps,)
    seconds: dict[str, float]
    finished_at: float  # seconds since the epoch, UTC
    host: str
    threads: int


class Scores(BaseModel):
    """The arrays behind one `EpisodeRecord`."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    scores: NDArray[np.float64]  # (rows, S)
    image_rows: NDArray[np.int64]  # (S,) rows of the ImageSet
    losses: dict[str, NDArray[np.float64]]  # each (steps,)


class Records:
    """The records in one sweep directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def append(self, record: EpisodeRecord, scores: Scores) -> None:
        raise NotImplementedError

    def read(self) -> list[EpisodeRecord]:
        raise NotImplementedError

    def scores(self, record: EpisodeRecord) -> Scores:
        raise NotImplementedError


__all__ = ["Any", "EpisodeRecord", "Records", "RowRecord", "Scores"]
