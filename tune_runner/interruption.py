"""Ctrl-C in every phase of the program: the first ends what runs in order, the second ends the process at once.

Before a sweep's directory exists, and where nothing has to be closed, the first one raises KeyboardInterrupt. While a
sweep is set up, runs and is closed it only asks the sweep to stop, which then ends as one whose time is over. SIGTERM
(a batch system) and SIGHUP (a terminal that was closed; `nohup` has it ignored) count as Ctrl-C.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tune_runner.output import say

EXIT_CODE = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Signals are of the whole process, and so is this.
_phases: list[tuple[Callable[[str], object] | None, str]] = []  # what the first one does, and how to resume
_catching = 0  # depth of `catch_signals`
_received = False


def exit_at_once() -> None:
    """From now on a signal ends the process with exit code 130: while nothing is open, or everything is closed."""
    if _in_main_thread():
        for number in _ours():
            signal.signal(number, _exit)


@contextmanager
def catch_signals() -> Iterator[None]:
    """Within, the first signal raises KeyboardInterrupt, or does what `on_interrupt` says, and the second ends the
    process. Nothing changes in a thread that is not the main one, which gets no signals."""
    global _catching, _received
    if not _in_main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ours()}
    if not _catching:
        _received = False
        _phases.clear()  # of one that was cut short while it was left
    _catching += 1
    take_signals()
    try:
        yield
    finally:
        _catching -= 1
        for number, handler in before.items():
            if handler is not None:  # else it is not Python's
                signal.signal(number, handler)


@contextmanager
def on_interrupt(stop: Callable[[str], object], resume: str = "") -> Iterator[None]:
    """Within, the first signal calls `stop` with its reason. resume: the command that goes on, said when the second
    ends the process; the study and the records are then what a kill leaves. Ray's processes on this machine notice
    that the driver is gone, and end too."""
    with catch_signals(), _phase(stop, resume):
        yield


@contextmanager
def interruptible() -> Iterator[None]:
    """A phase within `on_interrupt` in which the first signal raises KeyboardInterrupt after all."""
    with _phase(None, ""):
        yield


def take_signals() -> None:
    """Take them back from whoever has taken them, such as Ray when it starts, if they are to be caught."""
    if _catching and _in_main_thread():
        for number in _ours():
            signal.signal(number, _handle)


@contextmanager
def _phase(stop: Callable[[str], object] | None, resume: str) -> Iterator[None]:
    if not _in_main_thread():
        yield
        return
    _phases.append((stop, resume))
    try:
        yield
    finally:
        _phases.pop()


def _handle(number: int, frame: FrameType | None) -> None:
    global _received
    if _received:
        resume = next((command for _, command in _phases if command), "")
        say(f"\nended at once{'; to go on: ' if resume else ''}{resume}")
        os._exit(EXIT_CODE)
    _received = True
    stop = _phases[-1][0] if _phases else None
    if stop is None:
        raise KeyboardInterrupt
    say("\nstopping; once more ends at once")
    stop(f"interrupted by {signal.Signals(number).name}")


def _exit(number: int, frame: FrameType | None) -> None:
    say("interrupted")
    os._exit(EXIT_CODE)


def _ours() -> list[signal.Signals]:
    return [number for number in _SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
