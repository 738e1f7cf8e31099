"""SQLite that waits for others: a dashboard, a backup or a database browser may hold a lock for a minute.

SQLite's own wait (`timeout`) sleeps inside C, where Python hears no Ctrl-C, so it is kept short and repeated here. The
write-ahead log would keep readers and writers apart, but it needs shared memory, which network file systems lack.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

PATIENCE = 120.0  # seconds that a statement waits for a lock before it fails
_TIMEOUT = 1.0  # seconds in C at a time
_REST = 0.05  # seconds; some locks are refused at once


class PatientCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return patiently(super().execute, sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        return patiently(super().executemany, sql, parameters)


class PatientConnection(sqlite3.Connection):
    """Statements and commits are tried again while another process holds a lock that they need: neither has changed
    anything then, and the transaction is still open."""

    def cursor(self, factory: Any = PatientCursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        patiently(super().commit)


ENGINE = {"connect_args": {"timeout": _TIMEOUT, "factory": PatientConnection}}
"""SQLAlchemy's `create_engine` arguments, and Optuna's `engine_kwargs`, for a patient database."""


def patiently(call: Callable[..., Result], *arguments: Any) -> Result:
    """`call(*arguments)`, tried again while the database is locked. Raises sqlite3.OperationalError after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call(*arguments)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_REST)
