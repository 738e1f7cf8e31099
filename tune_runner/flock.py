"""Locks on files that end with the process that holds them, however it ends."""

import fcntl
from pathlib import Path
from typing import IO

from tune_runner.journal import DirectoryInUse, RecordingError


def locked(path: Path, in_use: str) -> IO[bytes]:
    """The file at `path`, made if need be and locked until it is closed.

    Raises DirectoryInUse with the text `in_use` if another process holds the lock, and RecordingError if the file
    cannot be made, or if its file system has no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
    except OSError as error:
        raise RecordingError(path, error) from error
    try:
        _take(path, file)
    except BlockingIOError as error:
        file.close()
        raise DirectoryInUse(f"{path.parent}: {in_use}") from error
    except BaseException:
        file.close()
        raise
    return file


def is_locked(path: Path) -> bool:
    """Whether a living process of this machine holds the lock. Changes nothing. Raises RecordingError."""
    try:
        with path.open("rb") as file:
            _take(path, file)  # let go again at once, when the file is closed
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise RecordingError(path, error) from error
    return False


def _take(path: Path, file: IO[bytes]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:  # ENOLCK, ENOSYS, EOPNOTSUPP, ...: as of Lustre or NFS without its lock daemon
        reason = f"the file system cannot lock files ({error.strerror}); set `output` to a folder on another one"
        raise RecordingError(path, reason) from error
