"""One driver for one directory: locks that end with the process that holds them, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tune_runner.journal import DirectoryInUse, RecordingError

DRIVER = "driver.lock"
_LOCKS = (DRIVER, "tracking.lock")  # of whoever changes study and records, and of whoever sends to MLflow


@contextmanager
def driving(directory: Path) -> Iterator[None]:
    """Be the only process that changes the study and the records of `directory`.

    Raises DirectoryInUse if another one does, RecordingError if the lock's file cannot be made.
    """
    try:
        file = (directory / DRIVER).open("wb")
    except OSError as error:
        raise RecordingError(directory / DRIVER, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DirectoryInUse(f"{directory}: a sweep is running here already") from error
        yield


def in_use(directory: Path) -> bool:
    """Whether a living process of this machine runs, mends or sends the sweep in `directory`. Changes nothing."""
    return any(_held(directory / name) for name in _LOCKS)


def _held(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go again at once, when the file is closed
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise RecordingError(path, error) from error
    return False
