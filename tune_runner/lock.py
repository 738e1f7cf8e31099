"""One driver for one directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tune_runner.flock import is_locked, locked

DRIVER = "driver.lock"
_LOCKS = (DRIVER, "tracking.lock")  # of whoever changes study and records, and of whoever sends to MLflow


@contextmanager
def driving(directory: Path) -> Iterator[None]:
    """Be the only process that changes the study and the records of `directory`.

    Raises DirectoryInUse if another one does, RecordingError if the lock's file cannot be made or locked.
    """
    with locked(directory / DRIVER, "a sweep is running here already"):
        yield


def in_use(directory: Path) -> bool:
    """Whether a living process of this machine runs, mends or sends the sweep in `directory`. Changes nothing."""
    return any(is_locked(directory / name) for name in _LOCKS)
