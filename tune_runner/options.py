"""The command line's options, and which command takes which: the rest is refused, because it would be ignored.

Imports nothing but the standard library, so that help and mistakes take no time.
"""

import argparse
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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
  RAY_TMPDIR      where Ray keeps its sockets and logs (default TMPDIR, then /tmp); a short path

exit codes
  0 finished, or ended by its budget   1 failed   2 a mistake in what was given   130 interrupted
"""

VERBS = ("doctor", "report", "compare", "data", "paper")
"""Commands that may be written without dashes."""

FLAGS = ("-h", "--help", "--version", "--allow-partial", "--fix", "--dry-run", "--insecure", "--verbose")
"""Options without a value."""

_MODES = ("resume", "reproduce", "sync", "doctor", "report", "compare", "data", "paper")

TAKES: dict[str, frozenset[str]] = {
    command: frozenset((*options.split(), "verbose"))
    for command, options in {
        "--sweep": "set allow_partial address insecure tracking_uri",
        "--sweep --dry-run": "set allow_partial tracking_uri",
        "--resume": "sweep set address insecure tracking_uri",
        "--reproduce": "trial set",
        "--sync": "tracking_uri",
        "doctor": "fix set tracking_uri",
        "report": "set",
        "compare": "set",
        "data": "root allow_partial",
        "paper": "set allow_partial address insecure tracking_uri",
        "paper --dry-run": "set allow_partial tracking_uri",
        "paper --read": "",
    }.items()
}
"""What each command does with options; `--dry-run` and `--read` are a part of its name."""


class _Once(argparse.Action):
    """Stores a value; of two, the first would be ignored."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option} is given twice")
        setattr(namespace, self.dest, values)


def _text(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("it is empty; is a variable of the shell not set?")
    return value


def _path(value: str) -> Path:
    return Path(_text(value))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="tune-runner",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    once: dict[str, Any] = {"action": _Once}
    folder: dict[str, Any] = {"type": _path, "metavar": "DIR", **once}
    top.add_argument("--version", action="version", version=_version())
    top.add_argument("--sweep", type=_path, metavar="FILE", help="the YAML file of a sweep", **once)
    what = top.add_mutually_exclusive_group()
    what.add_argument("--resume", help="go on with the sweep in this directory", **folder)
    what.add_argument("--reproduce", help="run one trial of a sweep again and compare", **folder)
    what.add_argument("--doctor", help="compare study, records and MLflow; also: doctor DIR", **folder)
    what.add_argument("--report", help="make the report again, without Ray; also: report DIR", **folder)
    what.add_argument("--compare", nargs="+", help="what matters in several sweeps; also: compare DIR DIR", **folder)
    what.add_argument(
        "--data", type=_text, metavar="NAME", help="check a data set file by file; also: data NAME --root DIR", **once
    )
    what.add_argument(
        "--paper", type=_text, metavar="TABLE", help="run a table or figure of the paper; also: paper TABLE", **once
    )
    what.add_argument("--sync", help="send to MLflow what it does not have yet", **folder)
    top.add_argument("--trial", type=int, metavar="N", help="with --reproduce: the trial's number", **once)
    top.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a value of the file, such as trainer.lambda_pp=0.5; may be repeated; with report, compare, "
        "doctor and --reproduce: where the images are by now, such as dataset.root=DIR",
    )
    top.add_argument("--root", help="with data: the folder that holds the set", **folder)
    top.add_argument("--read", help="with paper: tell of the run in this directory, and run nothing", **folder)
    top.add_argument(
        "--allow-partial", action="store_true", help=f"{_with('allow_partial')}: use what there is of a data set"
    )
    top.add_argument("--fix", action="store_true", help="with doctor: mend what can be mended")
    top.add_argument(
        "--dry-run", action="store_true", help="with --sweep or paper: print the plan and its cost, run nothing"
    )
    top.add_argument(
        "--address",
        type=_text,
        metavar="ADDRESS",
        help=f"{_with('address')}: join a Ray cluster: auto, host:port or ray://host:port; default: start one here",
        **once,
    )
    top.add_argument("--insecure", action="store_true", help="with --address: join a cluster that asks for no token")
    top.add_argument(
        "--tracking-uri",
        type=_text,
        metavar="URI",
        help=f"{_with('tracking_uri')}: another MLflow than the sweep's own, or its URI with credentials",
        **once,
    )
    top.add_argument("--verbose", action="store_true", help="say more, with tracebacks of unexpected errors")
    return top


def _version() -> str:
    try:
        return f"tune-runner {version('coft-ad')}"
    except PackageNotFoundError:
        return "tune-runner, of a checkout that is not installed"


def _with(option: str) -> str:
    """`with --sweep, --resume and paper`: the commands that take an option."""
    return f"with {_listed(commands_with(option))}"


def commands_with(option: str) -> tuple[str, ...]:
    """In the order of TAKES; `--dry-run` and `--read` are left out where the command takes the option without them."""
    takers = [command for command, options in TAKES.items() if option in options]
    return tuple(command for command in takers if command.partition(" --")[0] not in takers or " --" not in command)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options, checked against each other, with the command under `command`, a key of TAKES.

    Help, and any mistake, end in SystemExit, as argparse has it.
    """
    top = parser()
    given = top.parse_args(["--help"] if {"-h", "--help"} & set(words) else _dashed(words))
    given.command = _command(top, given)
    _refuse_ignored(top, given)
    return given


def _dashed(words: Sequence[str]) -> list[str]:
    """`words` with dashes before the first of them that is neither an option nor an option's value, if it is a verb."""
    place = 0
    while place < len(words) and words[place].startswith("-"):
        if words[place] in ("--", "--compare"):  # which takes all that follow
            return list(words)
        place += 1 if words[place] in FLAGS or "=" in words[place] else 2
    if place < len(words) and words[place] in VERBS:
        return [*words[:place], f"--{words[place]}", *words[place + 1 :]]
    return list(words)


def _command(top: argparse.ArgumentParser, given: argparse.Namespace) -> str:
    mode = next((mode for mode in _MODES if getattr(given, mode) is not None), None)
    if mode is None and given.sweep is None:
        top.error("one of --sweep, --resume, --reproduce, --sync, report, compare, doctor, data and paper is needed")
    command = "--sweep" if mode is None else mode if mode in VERBS else f"--{mode}"
    for suffix, wanted in ((" --dry-run", given.dry_run), (" --read", given.read is not None)):
        if wanted and command + suffix not in TAKES:
            takers = [name.removesuffix(suffix) for name in TAKES if name.endswith(suffix)]
            top.error(f"{suffix.strip()} goes with {_listed(takers)}, not with {command}")
        command += suffix if wanted else ""
    return command


def _refuse_ignored(top: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    known = {option for options in TAKES.values() for option in options}
    for option in sorted(known - TAKES[given.command]):
        value = getattr(given, option)
        if value is None or value is False or value == []:
            continue
        flag = f"--{option.replace('_', '-')}"
        if option == "sweep":
            if not given.command.startswith("--sweep"):
                top.error("--sweep goes with --resume only, to see whether the file is still the same")
            continue
        top.error(f"{flag} goes with {_listed(commands_with(option))}, not with {given.command}: it would be ignored")
    if given.insecure and given.address is None:
        top.error("--insecure goes with --address")
    if given.command == "--reproduce" and given.trial is None:
        top.error("--reproduce needs --trial N, the number of the trial")
