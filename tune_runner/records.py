"""Append-only local record of every finished episode: the only truth about results.

A sweep's directory holds

    sweep.yaml            the resolved specification
    study.db              Optuna's storage
    records.jsonl         one line a finished episode, appended and synced to disk before anybody is told
    scores/*.npz          its scores and loss curves

A line is written after its npz, so a line never points to a missing file; a torn last line is dropped when read.
"""

import hashlib
import io
import math
import zipfile
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from coftad.metrics import Metrics
from coftad.types import Criterion, FineTuning, Scoring
from tune_runner.journal import CHANGED, Journal, RecordingError, intact, write_whole

SCORES_CHECKSUM = "scores_sha256"
"""The key on a line of records.jsonl under which the SHA-256 of the episode's npz is."""


def scores_file(trial: int, episode: int) -> str:
    """Where an episode's arrays go, relative to the sweep's directory."""
    return f"scores/trial-{trial:04d}-episode-{episode:03d}.npz"


class RowRecord(BaseModel):
    """One point of the trajectory under one set of scoring values, on the search images, and without labels. Numbers
    are finite: a configuration that gives NaN has failed and has no record."""

    model_config = ConfigDict(frozen=True)

    steps: int
    scoring: Scoring
    search: Metrics
    criteria: dict[Criterion, float] = Field(default_factory=dict)

    @field_validator("search")
    @classmethod
    def _finite(cls, search: Metrics) -> Metrics:
        if not all(map(math.isfinite, astuple(search))):
            raise ValueError(f"metrics must be finite, got {search}")
        return search

    @field_validator("criteria")
    @classmethod
    def _finite_too(cls, criteria: dict[Criterion, float]) -> dict[Criterion, float]:
        if not all(map(math.isfinite, criteria.values())):
            raise ValueError(f"criteria must be finite, got {criteria}")
        return criteria


class EpisodeRecord(BaseModel):
    """One finished episode of one configuration. `trial` is Optuna's trial number, `ray_trial` Ray's id."""

    model_config = ConfigDict(frozen=True)

    trial: int = Field(ge=0)
    ray_trial: str
    episode: int = Field(ge=0)
    seed: int
    training: FineTuning
    rows: tuple[RowRecord, ...] = Field(min_length=1)
    seconds: dict[str, float]
    finished_at: float  # seconds since the epoch, UTC
    host: str
    threads: int

    @property
    def scores_file(self) -> str:
        """Relative to the sweep's directory; derived, so that no record can point out of it."""
        return scores_file(self.trial, self.episode)


class Scores(BaseModel):
    """The arrays behind one `EpisodeRecord`."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    scores: NDArray[np.float64]  # (rows, S)
    image_rows: NDArray[np.int64]  # (S,) rows of the ImageSet
    losses: dict[str, NDArray[np.float64]]  # each (steps,)


class Records:
    """The records in one sweep directory.

    One process appends; any may read meanwhile. In memory is one offset per episode, never the records themselves,
    and every call reads only what was appended since the last. An instance belongs to one thread.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._journal = Journal(directory / "records.jsonl")
        self._spans: dict[int, dict[int, tuple[int, int]]] = {}  # trial -> episode -> (start, end) in bytes
        self._end = 0

    def append(self, record: EpisodeRecord, scores: Scores) -> bool:
        """Keep a finished episode; on the disk when this returns.

        Returns False, and changes nothing, where this (trial, episode) is recorded already: an episode is recorded
        once, and the first result stands. Raises RecordingError if the disk is full, read-only or gone, and then
        nothing is recorded; ValueError if the arrays do not fit the record.
        """
        shape = (len(record.rows), len(scores.image_rows))
        if scores.scores.shape != shape:
            raise ValueError(
                f"trial {record.trial}, episode {record.episode}: scores have shape {scores.scores.shape}, "
                f"the record's rows and image_rows say {shape}"
            )
        if self.has(record.trial, record.episode):
            return False
        losses: dict[str, Any] = {f"loss_{name}": values for name, values in scores.losses.items()}
        arrays = io.BytesIO()
        np.savez(arrays, scores=scores.scores, image_rows=scores.image_rows, **losses)
        write_whole(self.directory / record.scores_file, lambda file: file.write(arrays.getbuffer()))
        checksum = hashlib.sha256(arrays.getbuffer()).hexdigest()
        self._journal.append(f'{record.model_dump_json()[:-1]},"{SCORES_CHECKSUM}":"{checksum}"}}')
        return True

    def has(self, trial: int, episode: int) -> bool:
        self._refresh()
        return episode in self._spans.get(trial, {})

    def episodes(self) -> dict[int, tuple[int, ...]]:
        """Trial number -> its recorded episodes, ascending."""
        self._refresh()
        return {trial: tuple(sorted(spans)) for trial, spans in self._spans.items()}

    def of(self, trial: int) -> list[EpisodeRecord]:
        """The records of one configuration, by episode. Empty if there are none."""
        self._refresh()
        spans = self._spans.get(trial, {})
        if not spans:
            return []
        with self._journal.path.open("rb") as file:
            records = []
            for _, (start, end) in sorted(spans.items()):
                file.seek(start)
                records.append(self._parse(file.read(end - start), end))
        return records

    def read(self) -> list[EpisodeRecord]:
        """All records, in the order in which they were finished. The first of a (trial, episode) counts."""
        seen: set[tuple[int, int]] = set()
        records = []
        for end, line in self._journal.lines():
            record = self._parse(line, end)
            if (record.trial, record.episode) not in seen:
                seen.add((record.trial, record.episode))
                records.append(record)
        return records

    def scores(self, record: EpisodeRecord) -> Scores:
        """Raises RecordingError if the file is missing or damaged. Never unpickles."""
        path = self.directory / record.scores_file
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return Scores(
                    scores=arrays["scores"],
                    image_rows=arrays["image_rows"],
                    losses={name[5:]: arrays[name] for name in arrays.files if name.startswith("loss_")},
                )
        except OSError as error:
            raise RecordingError(path, error) from error
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RecordingError(path, "damaged, or not the scores of a sweep") from error

    def _refresh(self) -> None:
        for end, line in self._journal.lines(self._end):
            start, self._end = self._end, end
            fields = self._journal.decode(line, end)
            try:
                trial, episode = int(fields["trial"]), int(fields["episode"])
            except (KeyError, TypeError, ValueError) as error:
                raise RecordingError(self._journal.path, f"damaged line that ends at byte {end}: {error!r}") from error
            self._spans.setdefault(trial, {}).setdefault(episode, (start, end))

    def _parse(self, line: bytes, end: int) -> EpisodeRecord:
        if not intact(line):
            raise RecordingError(self._journal.path, f"damaged line that ends at byte {end}: {CHANGED}")
        try:
            return EpisodeRecord.model_validate_json(line)
        except ValidationError as error:
            raise RecordingError(self._journal.path, f"damaged line that ends at byte {end}: {error}") from error


__all__ = ["EpisodeRecord", "RecordingError", "Records", "RowRecord", "Scores", "scores_file"]
