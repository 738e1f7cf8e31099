"""A sweep opened again from its directory, on any machine that has its images, and its report made anew; no Ray is
started."""

from pathlib import Path

import optuna
from rich.console import Console

from coftad.types import InputError
from tune_runner import plan
from tune_runner.commands import commands
from tune_runner.plan import Prepared
from tune_runner.reconcile import load_study
from tune_runner.spec import load
from tune_runner.study import report
from tune_runner.study.summary import best_trial


def rebuild(directory: Path, console: Console) -> int:
    """The exit code. Raises InputError as `reopen` does."""
    prepared, study = reopen(directory, "report")
    summary, _ = report.make(prepared, study, directory, commands(prepared.spec, directory, best_trial(study)))
    report.show(summary, directory, console)
    return 0


def reopen(directory: Path, command: str) -> tuple[Prepared, optuna.Study]:
    """Without weights. Raises InputError, in the name of `command`, where the directory is no sweep's or the images are
    others than they were."""
    if not (directory / "sweep.yaml").is_file():
        raise InputError(f"{command}: {directory} is not a sweep's directory: it has no sweep.yaml")
    spec = load(directory / "sweep.yaml", ["tracking.uri=null"])  # not needed, and credentials are not in the file
    study = load_study(directory)
    if study is None:
        raise InputError(f"{command}: {directory} has no study.db: nothing was run there yet")
    image_set, episodes = plan.data(spec)
    before = study.user_attrs.get("images", {}).get("all", image_set.digest)
    if before != image_set.digest:
        raise InputError(
            f"{command}: the images are not those of {directory}: their digest is {image_set.digest[:12]}, "
            f"it was {before[:12]}"
        )
    return Prepared(spec, image_set, episodes, weights={}), study
