"""What to type after a sweep: to browse, to go on and to repeat."""

import contextlib
import os
import shlex
import shutil
import sys
from pathlib import Path

from tune_runner.spec import SweepSpec


def commands(spec: SweepSpec, directory: Path, best: int | None, page: str = "") -> dict[str, str]:
    """By what they do. page: of this sweep in MLflow, to be appended to a server's address."""
    uri, shown = spec.tracking.uri, spec.tracking.redacted()
    folder = shlex.quote(str(directory))
    found = {}
    if uri is not None and uri.startswith("http"):
        found["browse"] = shown.rstrip("/") + page
    elif uri is not None:
        found["browse"] = f"{python('mlflow')} ui --backend-store-uri {shown}   # then http://127.0.0.1:5000{page}"
    found["resume"] = f"{python()} --resume {folder}"
    if best is not None:
        found["reproduce"] = reproduction(directory, best)
    return found


def reproduction(directory: Path, trial: int | str) -> str:
    """The command that runs one trial again, all rows of it, and compares."""
    return f"{python()} --reproduce {shlex.quote(str(directory))} --trial {trial}"


def python(module: str = "tune_runner") -> str:
    """The interpreter as a user would type it here."""
    name = "python" if shutil.which("python") == sys.executable else sys.executable
    with contextlib.suppress(OSError):  # the current directory may be gone, as that of a stopped job is
        inside = os.path.relpath(sys.executable)
        name = name if inside.startswith("..") else inside
    return f"{name} -m {module}"
