"""Files that are complete or absent, and logs whose lines are, whenever the process or the machine dies."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

_BLOCK = 1 << 20  # bytes read at a time; a line may be longer


class RecordingError(RuntimeError):
    """The disk did not take, or does not hold, what a sweep must keep: full, read-only, missing or damaged."""

    def __init__(self, path: Path, reason: object) -> None:
        self.path = path
        while isinstance(reason, BaseException) and reason.__cause__ is not None:
            reason = reason.__cause__  # Optuna and SQLAlchemy wrap what SQLite said, which is what helps
        self.reason = (reason.strerror or str(reason)) if isinstance(reason, OSError) else str(reason)
        super().__init__(f"{path}: {self.reason}")


class DirectoryInUse(RuntimeError):
    """Another living process drives this directory's sweep, or sends its records."""


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file that is complete or absent, and on the disk when this returns.

    Raises RecordingError; what was at `path` before is then still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise RecordingError(path, error) from error


class Journal:
    """A log of JSON objects, one a line, appended by one process and read by any.

    A line without its newline was torn by a crash: readers stop before it, and the next append cuts it off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, line: str) -> None:
        """Append one line and sync it to disk. Raises RecordingError, having taken back what was written of it."""
        data = line.encode() + b"\n"
        with self._lock:
            try:
                new = not self.path.exists()
                self.path.parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
                try:
                    end = _end_of_last_line(handle)
                    os.ftruncate(handle, end)
                    try:
                        _write_all(handle, data, end)
                        os.fsync(handle)
                    except OSError:
                        os.ftruncate(handle, end)
                        raise
                finally:
                    os.close(handle)
                if new:
                    _sync_folder(self.path.parent)
            except OSError as error:
                raise RecordingError(self.path, error) from error

    def lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Complete lines from byte `start` on, each with the offset behind it: where to go on reading next time."""
        if not self.path.exists():
            return
        try:
            with self.path.open("rb", buffering=_BLOCK) as file:
                file.seek(start)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    start += len(line)
                    yield start, line
        except OSError as error:
            raise RecordingError(self.path, error) from error

    def decode(self, line: bytes, end: int) -> dict[str, Any]:
        """The object on a complete line. Raises RecordingError: only damage from outside leaves one unreadable."""
        try:
            value = json.loads(line)
        except ValueError as error:
            raise RecordingError(self.path, f"damaged line that ends at byte {end}: {error}") from error
        if not isinstance(value, dict):
            raise RecordingError(self.path, f"damaged line that ends at byte {end}: not an object")
        return value


def _write_all(handle: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(handle, data, offset)
        data, offset = data[written:], offset + written


def _end_of_last_line(handle: int) -> int:
    """The file's size without a torn last line."""
    end = os.fstat(handle).st_size
    if end == 0 or os.pread(handle, 1, end - 1) == b"\n":
        return end
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(handle, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
