"""Which exceptions are the disk's or the user's, to be told in a line, and which are bugs, whose traceback is kept."""

import sqlite3
from pathlib import Path

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from coftad.types import InputError
from tune_runner.journal import DirectoryInUse, RecordingError
from tune_runner.reconcile import STUDY


def reported(error: BaseException, directory: Path) -> BaseException:
    """What to raise for `error` that ended the sweep in `directory`: a RecordingError where the study's database or the
    file system failed, else `error` itself."""
    if isinstance(error, StorageInternalError | SQLAlchemyError | sqlite3.Error):
        return RecordingError(directory / STUDY, error)
    # An error without a number, and a connection that broke, come from libraries and not from a file.
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return RecordingError(Path(error.filename) if isinstance(error.filename, str) else directory, error)
    return error


def described(error: BaseException) -> str:
    """In one line; with its type where the message alone would not be understood."""
    line = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, InputError | RecordingError | DirectoryInUse):
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
