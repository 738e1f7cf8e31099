"""Ctrl-C: the first ends a sweep in order, the second at once."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130


@contextmanager
def on_interrupt(stop: Callable[[str], None]) -> Iterator[None]:
    """Within, the first SIGINT or SIGTERM calls `stop` with its reason; the second ends the process. Ray's processes
    on this machine notice that and end too; the study and the records are what a kill would leave, which `--resume`
    takes up."""
    first = True

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if not first:
            os.write(sys.stderr.fileno(), b"\nended at once\n")
            os._exit(EXIT_CODE)
        first = False
        os.write(sys.stderr.fileno(), b"\nstopping; once more ends at once\n")
        stop(f"interrupted by {signal.Signals(number).name}")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
