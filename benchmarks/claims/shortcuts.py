"""What makes thousands of studies bearable and changes no result: what is read or drawn many times is kept in memory.

A test compares a study's summary with and without them.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna

from tune_runner import reconcile
from tune_runner.records import EpisodeRecord, Records, Scores
from tune_runner.study import validated

_load_study = reconcile.load_study


@contextmanager
def shortcuts() -> Iterator[None]:
    """While this is open. A folder must not be used for two studies before `forget`."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(Records, "scores", _kept_scores(Records.scores)))
        stack.enter_context(patch.object(Records, "append", _kept_append(Records.append)))
        stack.enter_context(patch.object(Records, "of", _kept_records(Records.of)))
        stack.enter_context(patch.object(validated, "load_study", _study_in))
        yield


STUDIES: dict[Path, optuna.Study] = {}
"""In memory, by the folder whose `study.db` they stand for."""


def _study_in(directory: Path) -> optuna.Study | None:
    return STUDIES[directory] if directory in STUDIES else _load_study(directory)


_SCORES: dict[Path, Scores] = {}
_RECORDS: dict[tuple[Path, int], list[EpisodeRecord]] = {}


def forget() -> None:
    """What was kept of finished studies."""
    for kept in (STUDIES, _SCORES, _RECORDS):
        kept.clear()


def _kept_scores(read: Callable[[Records, EpisodeRecord], Scores]) -> Callable[[Records, EpisodeRecord], Scores]:
    def scores(self: Records, record: EpisodeRecord) -> Scores:
        path = self.directory / record.scores_file
        if path not in _SCORES:
            _SCORES[path] = read(self, record)
        return _SCORES[path]

    return scores


def _kept_append(append: Callable[[Records, EpisodeRecord, Scores], bool]) -> Any:
    """The file is written all the same."""

    def appended(self: Records, record: EpisodeRecord, scores: Scores) -> bool:
        _SCORES[self.directory / record.scores_file] = scores
        return append(self, record, scores)

    return appended


def _kept_records(read: Callable[[Records, int], list[EpisodeRecord]]) -> Callable[[Records, int], list[EpisodeRecord]]:
    """For whoever reads a finished study; a search appends, and does not read."""

    def of(self: Records, trial: int) -> list[EpisodeRecord]:
        key = (self.directory, trial)
        if key not in _RECORDS:
            _RECORDS[key] = read(self, trial)
        return _RECORDS[key]

    return of
