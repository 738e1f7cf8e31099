"""Standard output and standard error as they may be: read by `head`, on a full disk, closed, or in a notebook."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


class Output(io.TextIOBase):
    """A stream that never raises. lost: why it takes nothing any more; what is written afterwards goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        if self.lost is None:
            try:
                return self._stream.write(text)
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        if self.lost is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

    def isatty(self) -> bool:
        return self.lost is None and self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _lose(self, error: OSError) -> None:
        self.lost = error
        with contextlib.suppress(AttributeError, OSError, ValueError):  # it has no descriptor
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # what is still in its buffer fails no more when Python ends
            os.close(nowhere)


def lost(console: "Console") -> str:
    """Why nobody gets what is printed on `console`; empty while somebody does."""
    error = console.file.lost if isinstance(console.file, Output) else None
    return "" if error is None else _reason(error)


def tell(console: "Console", text: str) -> None:
    """A line on `console`, or on standard error where that is lost."""
    if lost(console):
        say(text)
    else:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line on standard error, from anywhere, also from a signal's handler; nowhere if there is none."""
    line = f"{text}\n"
    try:
        os.write(sys.stderr.fileno(), line.encode(errors="backslashreplace"))
    except (AttributeError, OSError, ValueError):  # a notebook's has no descriptor
        with contextlib.suppress(AttributeError, OSError, ValueError, RuntimeError):  # RuntimeError: it is being used
            sys.stderr.write(line)


@contextlib.contextmanager
def usable_streams() -> Iterator[Output]:
    """Within, sys.stdout is an `Output`, which is yielded, and there is a sys.stderr. Without a console, or where one
    was closed (`2>&-`), Python has none; Ray and other libraries write to it all the same, and the next file that is
    opened would take its descriptor."""
    with contextlib.ExitStack() as stack:
        for name, redirect in (("stdout", contextlib.redirect_stdout), ("stderr", contextlib.redirect_stderr)):
            stream = getattr(sys, name)
            if stream is None or getattr(stream, "closed", False):
                nowhere = stack.enter_context(open(os.devnull, "w"))
                os.set_inheritable(nowhere.fileno(), True)  # Ray's processes need one, too
                stack.enter_context(redirect(nowhere))
        output = sys.stdout if isinstance(sys.stdout, Output) else Output(sys.stdout)
        stack.enter_context(contextlib.redirect_stdout(output))
        yield output


def flushed(output: Output, code: int) -> int:
    """The exit code, after everything was printed: 1 and a line on standard error where that was not possible. Whoever
    reads with `head` has what they want."""
    output.flush()
    if code or output.lost is None or isinstance(output.lost, BrokenPipeError):
        return code
    say(_reason(output.lost))
    return 1


def _reason(error: OSError) -> str:
    return f"standard output cannot be written: {error.strerror or error}"
