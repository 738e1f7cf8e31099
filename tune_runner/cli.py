"""The command line: `python -m tune_runner --sweep FILE`."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from coftad.types import InputError
from tune_runner.journal import DirectoryInUse, RecordingError

_DESCRIPTION = """\
Fine-tune COFT-AD many times and say which settings are good and which matter, on this machine's cores or GPUs.
"""

_EPILOG = """\
examples
  python -m tune_runner --sweep sweeps/semicon.yaml                   run it; a live table, then a report
  python -m tune_runner --sweep sweeps/semicon.yaml --dry-run         what would run, and a measured estimate
  python -m tune_runner --sweep sweeps/semicon.yaml --set budget.trials=40 --set dataset.shots=5
  python -m tune_runner --sweep sweeps/semicon.yaml --set dataset.name=folder --set dataset.root=my/images
  python -m tune_runner --sweep sweeps/semicon.yaml --address auto    on the Ray cluster this machine belongs to
  python -m tune_runner --resume runs/semicon/2026-01-31_12-00-00     go on after an interruption
  python -m tune_runner --resume runs/semicon/2026-01-31_12-00-00 --set validation.episodes=5
                                                                      the best again, on fresh support sets
  python -m tune_runner --sync runs/semicon/2026-01-31_12-00-00       bring MLflow up to date after an outage
  python -m tune_runner doctor runs/semicon/2026-01-31_12-00-00 --fix
  python -m tune_runner report runs/semicon/2026-01-31_12-00-00       the report again, from what was recorded
  python -m tune_runner compare runs/semicon/... runs/magnetic_tile/...
  python -m tune_runner --reproduce runs/semicon/2026-01-31_12-00-00 --trial 7

of a file with parts, DIR is the folder of all of them or of one

what a sweep leaves in its directory
  sweep.yaml  the resolved specification      records.jsonl, scores/  every result, the only truth about them
  study.db    Optuna's study                  artifacts/              pictures and score files of every trial
  report.html, summary.json                   the answers             MLflow has a view of all of it
  trials.csv, rows.csv, ...                   every metric and finding as tables, each as Parquet, too
  validation/ sweeps of their own: the best and the reference on fresh support sets

environment
  COFTAD_WEIGHTS  a folder with resnet18*.pth and resnet50*.pth, looked into before torch hub's cache
  COFTAD_CACHE    where simulated data sets are kept (default ~/.cache/coftad)

exit codes
  0 finished, or ended by its budget   1 failed   2 a mistake in what was given   130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="tune-runner",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--sweep", type=Path, metavar="FILE", help="the YAML file of a sweep")
    what = top.add_mutually_exclusive_group()
    what.add_argument("--resume", type=Path, metavar="DIR", help="go on with the sweep in this directory")
    what.add_argument("--reproduce", type=Path, metavar="DIR", help="run one trial of a sweep again and compare")
    what.add_argument("--doctor", type=Path, metavar="DIR", help="compare study, records and MLflow; also: doctor DIR")
    what.add_argument("--report", type=Path, metavar="DIR", help="make the report again, without Ray; also: report DIR")
    what.add_argument(
        "--compare", type=Path, nargs="+", metavar="DIR", help="what matters in several sweeps; also: compare DIR DIR"
    )
    what.add_argument("--data", metavar="NAME", help="check a data set file by file; also: data NAME --root DIR")
    what.add_argument("--paper", metavar="TABLE", help="run a table or figure of the paper; also: paper TABLE")
    what.add_argument("--sync", type=Path, metavar="DIR", help="send to MLflow what it does not have yet")
    top.add_argument("--trial", type=int, metavar="N", help="with --reproduce: the trial's number")
    top.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a value of the file, such as trainer.lambda_pp=0.5; may be repeated; with report, compare, "
        "doctor and --reproduce: where the images are by now, such as dataset.root=DIR",
    )
    top.add_argument("--root", type=Path, metavar="DIR", help="with data: the folder that holds the set")
    top.add_argument(
        "--read", type=Path, metavar="DIR", help="with paper: tell of the run in this directory, and run nothing"
    )
    top.add_argument(
        "--allow-partial", action="store_true", help="with --sweep, data and paper: use what there is of a data set"
    )
    top.add_argument("--fix", action="store_true", help="with --doctor: mend what can be mended")
    top.add_argument(
        "--dry-run", action="store_true", help="with --sweep or paper: print the plan and its cost, run nothing"
    )
    top.add_argument(
        "--address",
        metavar="ADDRESS",
        help="join a Ray cluster: auto, host:port or ray://host:port; default: start one here",
    )
    top.add_argument("--insecure", action="store_true", help="with --address: join a cluster that asks for no token")
    top.add_argument(
        "--tracking-uri", metavar="URI", help="another MLflow than the sweep's own, or its URI with credentials"
    )
    top.add_argument("--verbose", action="store_true", help="say more, with tracebacks of unexpected errors")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    top = parser()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["doctor"], ["report"], ["compare"], ["data"], ["paper"]):
        words[0] = f"--{words[0]}"
    given = top.parse_args(words)
    _check(top, given)
    logging.basicConfig(level=logging.INFO if given.verbose else logging.WARNING, format="%(message)s")
    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
    try:
        return _run(given, console)
    except (InputError, RecordingError, DirectoryInUse) as error:
        if given.verbose:
            logging.exception("because")
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _check(top: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """What argparse cannot say: which options go together."""
    others = (given.reproduce, given.sync, given.doctor, given.report, given.compare, given.data, given.paper)
    if not any((given.sweep, given.resume, *others)):
        top.error("one of --sweep, --resume, --reproduce, --sync, report, compare, doctor, data and paper is needed")
    if given.sweep and any(others):
        top.error("--sweep goes with --resume only, to see whether the file is still the same")
    if (given.trial is not None) != (given.reproduce is not None):
        top.error("--reproduce and --trial go together")
    if given.set and (given.sync or given.data):
        top.error("--set goes with neither --sync nor data")
    if given.root and not given.data:
        top.error("--root goes with data")
    if given.read and not given.paper:
        top.error("--read goes with paper")
    if given.allow_partial and (given.resume or not (given.sweep or given.data or given.paper)):
        top.error("--allow-partial goes with --sweep, data and paper")
    if given.fix and not given.doctor:
        top.error("--fix goes with doctor")
    if given.dry_run and (given.resume or not (given.sweep or given.paper)):
        top.error("--dry-run goes with --sweep and paper")


def _run(given: argparse.Namespace, console: Console) -> int:
    # Late, because Ray, torch and MLflow take seconds, which --help and a mistake in the options should not.
    overrides = given.set + ([f"tracking.uri={given.tracking_uri}"] if given.tracking_uri else [])
    if given.data is not None:
        from tune_runner.data import data

        return data(given.data, given.root, console, allow_partial=given.allow_partial)
    if given.paper is not None:
        from tune_runner.launch import Where
        from tune_runner.paper.command import paper

        where = Where(given.address, given.insecure)
        options = {"read": given.read, "dry": given.dry_run, "allow_partial": given.allow_partial}
        return paper(given.paper, overrides, where, console, **options)
    if given.dry_run:
        from tune_runner.dry_run import dry_run

        return dry_run(given.sweep, given.set, console, allow_partial=given.allow_partial)
    if given.reproduce is not None:
        from tune_runner.reproduce import reproduce

        return reproduce(given.reproduce, given.trial, console, given.set)
    if given.doctor is not None:
        from tune_runner.doctor import doctor

        uri = given.tracking_uri
        options = {"fix": given.fix, "tracking_uri": uri, "overrides": given.set}
        return max([doctor(each, console, **options) for each in _sweeps(given.doctor, console)])
    if given.compare is not None:
        from tune_runner.parts_index import sweeps
        from tune_runner.study.compare import compare

        return compare([each for directory in given.compare for each in sweeps(directory)], console, given.set)
    if given.report is not None:
        from tune_runner.rebuild import rebuild

        return max([rebuild(each, console, given.set) for each in _sweeps(given.report, console)])
    if given.sync is not None:
        return max([_sync(each, given.tracking_uri, console) for each in _sweeps(given.sync, console)])
    from tune_runner.launch import Where, resume, start

    where = Where(given.address, given.insecure)
    if given.resume is not None:
        return resume(given.resume, given.sweep, overrides, where, console)
    return start(given.sweep, overrides, where, console, allow_partial=given.allow_partial)[0]


def _sweeps(directory: Path, console: Console) -> Iterator[Path]:
    """Those that a directory stands for, each announced where they are several."""
    from tune_runner.parts_index import sweeps

    for each in sweeps(directory):
        if each != directory:
            console.rule(each.name, align="left")
        yield each


def _sync(directory: Path, tracking_uri: str | None, console: Console) -> int:
    from tune_runner.reconcile import outcomes_of
    from tune_runner.reopening import is_tracked
    from tune_runner.tracking import sync

    if not (directory / "context.json").exists() and not is_tracked(directory):
        raise InputError(
            f"--sync: {directory} was run with `tracking: null`, so nothing is noted for MLflow; "
            f"--resume {directory} --set tracking.uri=URI sends all of it"
        )
    found = sync(directory, tracking_uri=tracking_uri, outcomes=outcomes_of(directory))
    console.print(f"{found.sent} run(s) sent, {found.unsent} left{': ' + found.problem if found.problem else ''}")
    return 1 if found.unsent or found.problem else 0  # what was sent before may be lost there


if __name__ == "__main__":
    sys.exit(main())
