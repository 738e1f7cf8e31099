"""The artifacts of trials (pictures, scores.csv, config.yaml), drawn while the sweep runs, and never in its way."""

import logging
import threading
from collections.abc import Callable

from tune_runner import child_run
from tune_runner.context import SweepContext
from tune_runner.directory import artifact_folder
from tune_runner.records import Records

log = logging.getLogger(__name__)


class Drawing:
    """Draws from a background thread, one trial after the other, those that have no artifacts yet. All methods return
    at once, except `wait` and `close`."""

    def __init__(self, context: SweepContext) -> None:
        self._context = context
        self._records = Records(context.directory)  # the thread's own; the driver appends through another
        self._changed = threading.Condition()
        self._waiting: dict[int, None] = {}  # until they are drawn
        self._known: set[int] = set()
        self._closing = self._stop = self._over = False
        self._listeners: list[Callable[[], object]] = []
        self._thread = threading.Thread(target=self._work, name="artifacts", daemon=True)
        self._thread.start()

    @property
    def left(self) -> int:
        """Trials that are still to be drawn."""
        return len(self._waiting)

    @property
    def over(self) -> bool:
        """Whether nothing will be drawn any more."""
        return self._over

    def add(self, trial: int) -> None:
        """Draw a trial, after its last record. One that is known or drawn is passed over; so are all, once closed."""
        with self._changed:
            if trial in self._known or self._over:
                return
            self._known.add(trial)
            if not artifact_folder(self._context.directory, trial).is_dir():
                self._waiting[trial] = None
                self._changed.notify_all()

    def tried(self, trial: int) -> bool:
        """Whether nothing is left to draw of a trial: it is drawn, could not be drawn, or was never added. One that
        there was no time for is left to a later driver."""
        return trial not in self._waiting

    def listen(self, listener: Callable[[], object]) -> None:
        """Have `listener` called, from the thread, whenever a trial was tried, and at the end."""
        self._listeners.append(listener)

    def wait(self, timeout: float) -> bool:
        """Whether nothing is left to draw, or will be drawn, after at most `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting or self._over, timeout)

    def close(self, timeout: float) -> int:
        """Draw what is left, for at most `timeout` seconds, and stop. Returns `left`, which a later driver draws."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout)
        self._stop = True
        return self.left

    def _work(self) -> None:
        try:
            while (trial := self._next()) is not None:
                self._draw(trial)
                with self._changed:
                    del self._waiting[trial]
                    self._changed.notify_all()
                self._tell()
        finally:
            self._over = True
            self._tell()

    def _next(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            trial = None if self._stop else next(iter(self._waiting), None)
            self._over = trial is None
            return trial

    def _draw(self, trial: int) -> None:
        try:
            if episodes := self._records.of(trial):
                child_run.draw(self._context, self._records, episodes, artifact_folder(self._context.directory, trial))
        except Exception as error:  # a picture is worth less than its run
            log.warning("trial %d has no pictures: %s: %s", trial, type(error).__name__, error)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
