"""The report of a sweep, made again beside it while it runs."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from tune_runner.failures import described

log = logging.getLogger(__name__)

EVERY = 55.0  # seconds; making it takes some itself, and it should be no older than a minute
_REST = 19  # times as long as it took: a large sweep's report must not take the driver's time


class Refresher:
    """Calls `make` on a thread of its own, every minute in which something `ended`. Use as a context manager."""

    def __init__(self, make: Callable[[], object], note: Callable[[str], object], every: float = EVERY) -> None:
        self._make, self._note, self._every = make, note, every
        self._over, self._new = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="report", daemon=True)

    def __enter__(self) -> "Refresher":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def ended(self) -> None:
        """A trial did, so the report is out of date."""
        self._new.set()

    def _run(self) -> None:
        wait = self._every
        said: set[type[BaseException]] = set()
        while not self._over.wait(wait):
            if not self._new.is_set():
                continue
            self._new.clear()
            start = time.monotonic()
            try:
                self._make()
            except BaseException as error:  # whatever it is, the sweep goes on, and the next report may be made
                log.info("the report could not be made", exc_info=True)
                if type(error) not in said:
                    said.add(type(error))
                    self._note(f"the report could not be made again: {described(error)}")
            wait = max(self._every, _REST * (time.monotonic() - start))
