"""A table on standard output, as programs before a `|` write it: no reader, or no room, is no traceback."""

import contextlib
import csv
import io
import os
import sys
from collections.abc import Iterable, Sequence

NO_READER = 141
"""What a shell reports of a program that ended because nobody reads on: 128 and the number of SIGPIPE."""


def write_table(rows: Iterable[Sequence[object]]) -> int:
    """Write CSV. The exit code: 0, NO_READER, or 1 where it cannot be written, which is told on standard error.

    It is UTF-8 whatever the terminal is set to; a file's name that is not UTF-8 is written as the bytes that it has on
    the disk, as `ls` and `find` do.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return write(text.getvalue())


def write(text: str) -> int:
    """As `write_table`, of any text."""
    stream = sys.stdout
    if stream is None:
        print("standard output is closed; nothing can be written", file=sys.stderr)
        return 1
    try:
        stream.flush()
        buffer = getattr(stream, "buffer", None)
        if buffer is None:  # a notebook's
            stream.write(text.encode("utf-8", "backslashreplace").decode())
        else:
            buffer.write(text.encode("utf-8", "surrogateescape"))
            buffer.flush()
        stream.flush()
    except BrokenPipeError:
        _let_go()
        return NO_READER
    except OSError as error:
        _let_go()
        print(f"standard output cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _let_go() -> None:
    """What is left in buffers goes nowhere; when Python ends it would try to write it once more, and complain."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor has nothing to let go of
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
