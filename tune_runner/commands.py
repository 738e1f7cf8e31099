"""What to type after a sweep: to browse, to go on and to repeat."""

import contextlib
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from coftad.types import InputError
from tune_runner.spec import SweepSpec, load


def commands(spec: SweepSpec, directory: Path, best: int | None, page: str = "") -> dict[str, str]:
    """By what they do, to be typed in any folder. page: of this sweep in MLflow, to be appended to a server's
    address."""
    uri, shown = spec.tracking.uri, spec.tracking.redacted()
    places = moved(spec, directory)
    found = {}
    if uri is not None and uri.startswith("http"):
        found["browse"] = shown.rstrip("/") + page
    elif uri is not None:
        found["browse"] = (
            f"{python('mlflow')} ui --backend-store-uri {shlex.quote(shown)}   # then http://127.0.0.1:5000{page}"
        )
    found["resume"] = resumption(directory) + places
    if best is not None:
        found["reproduce"] = reproduction(directory, best) + places
    return found


def reproduction(directory: Path, trial: int | str) -> str:
    """The command that runs one trial again, all rows of it, and compares."""
    return f"{python()} --reproduce {_folder(directory)} --trial {trial}"


def resumption(directory: Path) -> str:
    """The command that goes on with the sweep, or with all parts, in a folder."""
    return f"{python()} --resume {_folder(directory)}"


def moved(spec: SweepSpec, directory: Path) -> str:
    """What a command for `directory` needs beside it where images or weights are not where its sweep.yaml says: empty,
    or ` --set dataset.root=...`."""
    try:
        kept = load(directory / "sweep.yaml", ["tracking.uri=null"])
    except InputError:  # none yet, or a damaged one, which the doctor names
        return ""
    places: dict[str, object] = {}
    if (root := getattr(spec.dataset.source, "root", None)) != getattr(kept.dataset.source, "root", None):
        places["dataset.root"] = None if root is None else str(root)
    if spec.trainer.weights != kept.trainer.weights:
        weights = spec.trainer.weights
        places["trainer.weights"] = weights if isinstance(weights, str) else dict(weights)
    return "".join(f" --set {shlex.quote(f'{key}={_yaml(value)}')}" for key, value in places.items())


def _yaml(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False).replace("${", "$${")
    return text[1:-1] if re.fullmatch(r'"[A-Za-z/][\w./~-]*"', text) else text


def _folder(directory: Path) -> str:
    return shlex.quote(os.path.abspath(directory))


def python(module: str = "tune_runner") -> str:
    """The interpreter as a user would type it here."""
    name = "python" if shutil.which("python") == sys.executable else sys.executable
    with contextlib.suppress(OSError):  # the current directory may be gone, as that of a stopped job is
        inside = os.path.relpath(sys.executable)
        name = name if inside.startswith("..") else inside
    return f"{shlex.quote(name)} -m {module}"
