"""Less said by Optuna, without a change to the process: its verbosity and Python's warning filters belong to everyone,
and to flip them and back is not safe while a sweep draws its report in a thread of its own."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import optuna

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)  # of one thread


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _QUIET.get() or record.levelno >= logging.ERROR


_FILTER = _Filter()


@contextmanager
def quiet() -> Iterator[None]:
    """Within, and in this thread, Optuna logs nothing below an error: it would tell of every study it makes."""
    for handler in logging.getLogger(optuna.__name__).handlers:  # all records pass these; adding twice adds once
        handler.addFilter(_FILTER)
    token = _QUIET.set(True)
    try:
        yield
    finally:
        _QUIET.reset(token)


def ignore_warning(beginning: str, category: type[Warning]) -> None:
    """From now on, ignore the one warning that begins so. It is not undone: adding a filter is safe in a thread."""
    warnings.filterwarnings("ignore", message=beginning, category=category)
