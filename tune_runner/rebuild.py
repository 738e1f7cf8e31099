"""The report of a sweep made again from its directory, on any machine that has its images; no Ray is started."""

from pathlib import Path

from rich.console import Console

from coftad.types import InputError
from tune_runner import plan
from tune_runner.commands import commands
from tune_runner.reconcile import load_study
from tune_runner.spec import load
from tune_runner.study import report
from tune_runner.study.summary import best_trial


def rebuild(directory: Path, console: Console) -> int:
    """The exit code. Raises InputError where the directory is no sweep's or the images are others than they were."""
    if not (directory / "sweep.yaml").is_file():
        raise InputError(f"report: {directory} is not a sweep's directory: it has no sweep.yaml")
    spec = load(directory / "sweep.yaml", ["tracking.uri=null"])  # not needed, and credentials are not in the file
    study = load_study(directory)
    if study is None:
        raise InputError(f"report: {directory} has no study.db: nothing was run there yet")
    image_set, episodes = plan.data(spec)
    before = study.user_attrs.get("images", {}).get("all", image_set.digest)
    if before != image_set.digest:
        raise InputError(
            f"report: the images are not those of {directory}: their digest is {image_set.digest[:12]}, "
            f"it was {before[:12]}"
        )
    prepared = plan.Prepared(spec, image_set, episodes, weights={})
    summary, _ = report.make(prepared, study, directory, commands(spec, directory, best_trial(study)))
    report.show(summary, directory, console)
    return 0
