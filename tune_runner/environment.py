"""What a sweep runs on: versions, machine, commit."""

import os
import platform
from importlib.metadata import version

from tune_runner.context import git_tags

_PACKAGES = ("torch", "torchvision", "kornia", "ray", "optuna", "mlflow", "numpy", "scipy", "scikit-learn")


def here() -> dict[str, str]:
    """By name, for people."""
    tags = git_tags()
    found = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    found |= {"system": platform.platform(), "processors": str(os.cpu_count())}
    if commit := tags.get("mlflow.source.git.commit"):
        changed = ", with changes" if tags["mlflow.source.git.dirty"] == "True" else ""
        found["commit"] = f"{commit[:12]} of {tags['mlflow.source.git.branch']}{changed}"
    elif installed := tags.get("coftad.version"):
        found["commit"] = installed
    return found
