"""A sweep's report made anew from its directory, on any machine that has its images; no Ray is started."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tune_runner.commands import commands
from tune_runner.reopening import reopen
from tune_runner.study import report
from tune_runner.study.summary import best_trial


def rebuild(directory: Path, console: Console, overrides: Sequence[str] = ()) -> int:
    """The exit code. overrides: where the images are by now. Raises InputError as `reopen` does."""
    prepared, study = reopen(directory, "report", overrides)
    summary, _ = report.make(prepared, study, directory, commands(prepared.spec, directory, best_trial(study)))
    report.show(summary, directory, console)
    return 0
