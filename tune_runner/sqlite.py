"""SQLite's files as SQLAlchemy's URLs, for Optuna and MLflow, whatever characters their folders have."""

import re
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

# Only what would be misread: MLflow makes a folder of the URL's spelling beside the one that is meant.
_MISREAD = re.compile(r"%(?=[0-9A-Fa-f]{2})|[?{}]")  # an escape, the query, and Optuna's templates


def sqlite_url(path: Path | str, query: str = "", scheme: str = "sqlite") -> str:
    """The URL of an absolute path, with `query` as it stands behind a `?`."""
    database = _MISREAD.sub(lambda match: quote(match.group()), str(path))
    return f"{scheme}:///{database}{'?' * bool(query)}{query}"


def sqlite_path(url: str) -> Path | None:
    """The file behind a URL; None for another database, or one in memory."""
    if not url.startswith("sqlite"):
        return None
    database = make_url(url).database
    return Path(database) if database and database != ":memory:" else None
