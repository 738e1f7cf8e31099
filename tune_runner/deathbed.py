"""Why a worker process died: it can no longer say so itself, so it leaves a note that its successor reads.

Python's faulthandler writes a traceback into the note when the process crashes (SIGSEGV, SIGABRT, SIGBUS, SIGFPE,
SIGILL) or when its time is up, and then the process is gone. Tune starts the trial again; the new worker finds the
note and knows how the last attempt ended. On another machine there is no note: then the reason is what Ray saw. The
same holds where notes cannot be written or read: a trial is never lost to its note.
"""

import faulthandler
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)


def _own_folder() -> Path:
    """Of this user, since it can be read by nobody else."""
    return Path(tempfile.gettempdir()) / f"tune_runner_notes_{os.getuid()}"


class Note:
    """The note of one Ray trial on this machine."""

    def __init__(self, ray_trial: str, folder: Path | None = None) -> None:
        folder = _own_folder() if folder is None else folder
        with _tolerated():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{ray_trial}.txt"
        self.attempts = folder / f"{ray_trial}.attempts"

    def last_words(self) -> tuple[str, str] | None:
        """(reason, detail) of how the last attempt ended; None if it left nothing."""
        text = self._text(self.path).strip()
        if not text:
            return None
        lines = text.splitlines()
        place = next((line.strip() for line in lines if line.strip().startswith("File ")), "")
        reason = "time_limit" if lines[0].startswith("Timeout") else "crash"
        return reason, f"{lines[0]} {place}".strip()

    def crashes(self) -> int:
        """How many attempts on this machine ended with last words."""
        return len(self._text(self.attempts))

    def _text(self, path: Path) -> str:
        """Empty for a file that is not there, or that someone else has put there."""
        with _tolerated(), path.open(errors="replace") as file:
            if os.fstat(file.fileno()).st_uid == os.getuid():
                return file.read()
        return ""

    def count_crash(self) -> None:
        with _tolerated(), self.attempts.open("a") as file:
            file.write("x")
        self._remove(self.path)

    def forget(self) -> None:
        self._remove(self.path)
        self._remove(self.attempts)

    def _remove(self, path: Path) -> None:
        with _tolerated():
            path.unlink(missing_ok=True)

    @contextmanager
    def watching(self, deadline: float | None) -> Iterator[None]:
        """Leave last words if this process crashes meanwhile, or end it at `deadline` (of time.monotonic)."""
        with self._opened() as file:
            faulthandler.enable(file=file, all_threads=False)
            if deadline is not None:
                left = max(deadline - time.monotonic(), 0.001)
                faulthandler.dump_traceback_later(left, exit=True, file=file)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                faulthandler.enable()  # back to stderr: this file is about to close
        self._remove(self.path)

    def _opened(self) -> IO[str]:
        """The note; where it cannot be written, nothing is noted, and the deadline holds all the same."""
        with _tolerated():
            return self.path.open("w")
        return open(os.devnull, "w")


@contextmanager
def _tolerated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.debug("no note of how this trial's worker ends: %s", error)
