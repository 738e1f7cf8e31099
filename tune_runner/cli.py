"""The command line: `python -m tune_runner --sweep FILE`."""

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from tune_runner.interruption import EXIT_CODE, catch_signals
from tune_runner.options import parse
from tune_runner.output import Output, flushed, say, usable_streams
from tune_runner.process_environment import variables

if TYPE_CHECKING:
    from rich.console import Console

# Everything else is imported late: Ray, torch and MLflow take seconds, which help and a mistake in the options should
# not, and a command loads only what it needs.


def main(arguments: Sequence[str] | None = None) -> int:
    given = parse(sys.argv[1:] if arguments is None else arguments)
    # A notebook's kernel names a backend that may not be installed here; figures are drawn without any.
    with usable_streams() as output, catch_signals(), variables({}, {"MPLBACKEND": "agg"}):
        logging.basicConfig(level=logging.INFO if given.verbose else logging.WARNING, format="%(message)s")
        return flushed(output, _ended(given, output))


def _ended(given: argparse.Namespace, output: Output) -> int:
    """The exit code of what was asked for, with one line for what is known to go wrong."""
    from rich.console import Console

    from coftad.types import InputError
    from tune_runner.journal import DirectoryInUse, RecordingError

    width = None if output.isatty() or "COLUMNS" in os.environ else 120
    console = Console(file=cast(IO[str], output), width=width)
    try:
        return _run(given, console)
    except (InputError, RecordingError, DirectoryInUse) as error:
        if given.verbose:
            logging.exception("because")
        say(str(error))
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_CODE


def _run(given: argparse.Namespace, console: "Console") -> int:
    match given.command.partition(" --")[0]:
        case "data":
            from tune_runner.data import data

            return data(given.data, given.root, console, allow_partial=given.allow_partial)
        case "doctor":
            from tune_runner.doctor import doctor, doctor_index, with_validations

            options = {"fix": given.fix, "tracking_uri": given.tracking_uri, "overrides": given.set}
            directories = with_validations(_sweeps(given.doctor, console), console)
            codes = [doctor(each, console, **options) for each in directories]
            return max([*codes, doctor_index(given.doctor, console)])
        case "compare":
            from tune_runner.parts_index import sweeps
            from tune_runner.study.compare import compare

            return compare([each for directory in given.compare for each in sweeps(directory)], console, given.set)
        case "report":
            from tune_runner.rebuild import rebuild

            return max([rebuild(each, console, given.set) for each in _sweeps(given.report, console)])
        case "--reproduce":
            from tune_runner.reproduce import reproduce

            return reproduce(given.reproduce, given.trial, console, given.set)
        case "--sync":
            return max([_sync(each, given.tracking_uri, console) for each in _sweeps(given.sync, console)])
    return _drive(given, console)


def _drive(given: argparse.Namespace, console: "Console") -> int:
    """What runs a sweep file, or says what would run."""
    from tune_runner.spec_layers import option

    overrides = list(given.set)
    if given.tracking_uri is not None:
        overrides.append(option("tracking.uri", given.tracking_uri, "--tracking-uri"))
    if given.command == "--sweep --dry-run":
        from tune_runner.dry_run import dry_run

        return dry_run(given.sweep, overrides, console, allow_partial=given.allow_partial)
    from tune_runner.where import Where

    where = Where(given.address, given.insecure)
    if given.paper is not None:
        from tune_runner.paper.command import paper

        options = {"read": given.read, "dry": given.dry_run, "allow_partial": given.allow_partial}
        return paper(given.paper, overrides, where, console, **options)
    from tune_runner.home import require_home

    require_home()
    from tune_runner.launch import resume, start

    if given.resume is not None:
        return resume(given.resume, given.sweep, overrides, where, console)
    return start(given.sweep, overrides, where, console, allow_partial=given.allow_partial)[0]


def _sweeps(directory: Path, console: "Console") -> Iterator[Path]:
    """Those that a directory stands for, each announced where they are several."""
    from tune_runner.parts_index import sweeps

    for each in sweeps(directory):
        if each != directory:
            console.rule(each.name, align="left")
        yield each


def _sync(directory: Path, tracking_uri: str | None, console: "Console") -> int:
    from coftad.types import InputError
    from tune_runner.reconcile import outcomes_of
    from tune_runner.reopening import is_tracked
    from tune_runner.tracking import sync

    if not (directory / "context.json").exists() and not is_tracked(directory):
        raise InputError(
            f"--sync: {directory} was run with `tracking: null`, so nothing is noted for MLflow; "
            f"--resume {shlex.quote(str(directory))} --set tracking.uri=URI sends all of it"
        )
    found = sync(directory, tracking_uri=tracking_uri, outcomes=outcomes_of(directory))
    console.print(f"{found.sent} run(s) sent, {found.unsent} left{': ' + found.problem if found.problem else ''}")
    return 1 if found.unsent or found.problem else 0  # what was sent before may be lost there


if __name__ == "__main__":
    sys.exit(main())
