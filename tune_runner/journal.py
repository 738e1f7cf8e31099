"""Files that are complete or absent, and logs whose lines are, whenever the process or the machine dies."""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

_KEY = b'"sha256"'
_SEAL = '"sha256":"'
CHANGED = "it was changed after it was written, its checksum is another one"
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


def sealed(line: str) -> str:
    """A JSON object on one line with its own SHA-256 as the last key."""
    return f'{line[:-1]}{"" if line == "{}" else ","}{_SEAL}{hashlib.sha256(line.encode()).hexdigest()}"}}'


def is_sealed(line: bytes) -> bool:
    """Whether a line has a checksum, right or wrong."""
    return _KEY in line


def intact(line: bytes) -> bool:
    """Whether a line is as `sealed` wrote it; True for one without a checksum, as earlier versions wrote them."""
    text = line.rstrip(b"\n")
    start = text.rfind(_SEAL.encode())
    if start < 0:
        return not is_sealed(line)  # one that was written anew, in another form
    before, checksum = text[:start].removesuffix(b",") + b"}", text[start + len(_SEAL) : -2]
    return hashlib.sha256(before).hexdigest().encode() == checksum


class Journal:
    """A log of JSON objects, one a line, appended by one process and read by any.

    A line without its newline was torn by a crash: readers stop before it, and the next append cuts it off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, line: str) -> None:
        """Append one line and sync it to disk. Raises RecordingError, having taken back what was written of it."""
        data = sealed(line).encode() + b"\n"
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
        """The object on a complete line. Raises RecordingError: only damage from outside leaves one unreadable, or with
        another checksum."""
        if not intact(line):
            raise RecordingError(self.path, f"damaged line that ends at byte {end}: {CHANGED}")
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
