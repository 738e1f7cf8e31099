"""Why a worker process died: it can no longer say so itself, so it leaves a note that its successor reads.

Python's faulthandler writes a traceback into the note when the process crashes (SIGSEGV, SIGABRT, SIGBUS, SIGFPE,
SIGILL) or when its time is up, and then the process is gone. Tune starts the trial again; the new worker finds the
note and knows how the last attempt ended. On another machine there is no note: then the reason is what Ray saw.
"""

import faulthandler
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = Path(tempfile.gettempdir()) / "tune_runner_notes"


class Note:
    """The note of one Ray trial on this machine."""

    def __init__(self, ray_trial: str, folder: Path = _FOLDER) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{ray_trial}.txt"
        self.attempts = folder / f"{ray_trial}.attempts"

    def last_words(self) -> tuple[str, str] | None:
        """(reason, detail) of how the last attempt ended; None if it left nothing."""
        try:
            text = self.path.read_text(errors="replace").strip()
        except FileNotFoundError:
            return None
        if not text:
            return None
        lines = text.splitlines()
        place = next((line.strip() for line in lines if line.strip().startswith("File ")), "")
        reason = "time_limit" if lines[0].startswith("Timeout") else "crash"
        return reason, f"{lines[0]} {place}".strip()

    def crashes(self) -> int:
        """How many attempts on this machine ended with last words."""
        try:
            return len(self.attempts.read_text())
        except FileNotFoundError:
            return 0

    def count_crash(self) -> None:
        with self.attempts.open("a") as file:
            file.write("x")
        self.path.unlink(missing_ok=True)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.attempts.unlink(missing_ok=True)

    @contextmanager
    def watching(self, deadline: float | None) -> Iterator[None]:
        """Leave last words if this process crashes meanwhile, or end it at `deadline` (of time.monotonic)."""
        with self.path.open("w") as file:
            faulthandler.enable(file=file, all_threads=False)
            if deadline is not None:
                left = max(deadline - time.monotonic(), 0.001)
                faulthandler.dump_traceback_later(left, exit=True, file=file)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                faulthandler.enable()  # back to stderr: this file is about to close
        self.path.unlink(missing_ok=True)
