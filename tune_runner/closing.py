"""The one place where a sweep is closed, whatever ends it: trials in the study, artifacts, runs in MLflow."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from tune_runner.callback import Halt, SweepCallback
from tune_runner.drawing import Drawing
from tune_runner.failures import described
from tune_runner.interruption import EXIT_CODE
from tune_runner.ledger import ParentStatus
from tune_runner.tracking import Tracker

_DRAWING = 8.0  # seconds for artifacts that are not drawn yet, when a sweep is stopped
_STOPPED = 15.0  # seconds for MLflow then
_CLOSING = 25.0  # seconds that a slow tracker may hold up the end of a sweep that was not stopped


class Closing:
    """A context manager around all phases of a sweep. Afterwards nothing of it runs, in the study or in MLflow.

    It lets no exception out: `halt.error` holds what ended the sweep, for the caller to raise. KeyboardInterrupt stops
    the sweep as a signal does. left: trials that were running and have to run again.
    """

    def __init__(
        self,
        halt: Halt,
        callback: SweepCallback,
        drawing: Drawing,
        tracker: Tracker | None,
        note: Callable[[str], object],
    ) -> None:
        self._halt, self._callback, self._drawing, self._tracker = halt, callback, drawing, tracker
        self._note = note
        self.left = 0

    def __enter__(self) -> "Closing":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if isinstance(error, KeyboardInterrupt):
            self._halt.stop("interrupted", code=EXIT_CODE)
        elif error is not None:
            self._halt.stop(described(error), error)
        with ExitStack() as steps:  # all of them are taken, whichever fails
            steps.callback(self._close_tracker)
            steps.callback(self._drawing.close, 0)
            steps.callback(self.end_trials)
        return True

    def end_trials(self) -> None:
        """Close in the study what still runs there."""
        searcher = self._callback.searcher
        if searcher.error is not None:
            self._halt.stop(described(searcher.error), searcher.error)
        self.left += self._callback.interrupt()

    def draw(self, *, whole: bool) -> None:
        """Wait until all artifacts are drawn; not for long, if the sweep is not a whole one."""
        if (left := self._drawing.left) > 1 and whole:
            self._note(f"drawing the artifacts of {left} trials")
        start = time.monotonic()
        while not self._drawing.wait(0.1):
            if (not whole or self._halt.code) and time.monotonic() > start + _DRAWING:
                return

    def _close_tracker(self) -> None:
        if self._tracker is None:
            return
        stopped = self._halt.code or self._halt.error is not None
        status: ParentStatus = "KILLED" if self._halt.error is None else "FAILED"
        self._tracker.close(_STOPPED if stopped else _CLOSING, status)
