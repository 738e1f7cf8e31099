"""From a sweep file or a sweep's directory to a Ray to run it on, and to as many sweeps as the file asks for."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from coftad.types import InputError
from tune_runner import availability, parted, plan, resources
from tune_runner.callback import Halt
from tune_runner.commands import resumption
from tune_runner.directory import SPEC, new_directory
from tune_runner.interruption import EXIT_CODE, on_interrupt, take_signals
from tune_runner.output import lost, say
from tune_runner.parts_index import is_parted
from tune_runner.reconcile import load_study
from tune_runner.reopening import same_specification
from tune_runner.run import drive
from tune_runner.spec import Hardware, Part, SweepSpec, load, load_parts
from tune_runner.spec_layers import Override
from tune_runner.where import Where


def start(
    path: Path, overrides: Sequence[Override], where: Where, console: Console, *, allow_partial: bool = False
) -> tuple[int, Path]:
    """What the file asks for: one sweep, or one of each of its parts. The exit code and the directory. Raises
    InputError, RecordingError; KeyboardInterrupt before there is a directory."""

    def read(hardware: Hardware) -> list[Part]:
        return load_parts(path, overrides, hardware, allow_partial=allow_partial)

    parts = read(resources.hardware())  # mistakes show before a cluster is asked
    if parts[0].name:
        availability.check(parts)
    directory: Path | None = None
    try:
        with _connected(where) as found:
            if where.address is not None:
                parts = read(found)  # `profile: auto` means the cluster's hardware
            if parts[0].name:
                halt = Halt(lost=partial(lost, console))
                with on_interrupt(halt.interrupt):
                    directory = parted.new_directory(parts)
                    return parted.drive_all(directory, parts, found, console, halt), directory
            spec = parts[0].spec
            prepared = plan.prepare(spec)
            share = resources.share(spec.resources, found, spec.budget.trials)
            halt = Halt(spec.budget.wall_time, partial(lost, console))
            with on_interrupt(halt.interrupt):
                directory = new_directory(spec)
                return drive(prepared, directory, share, console, halt=halt), directory
    except KeyboardInterrupt:
        if directory is None:
            raise
        return _interrupted(directory), directory


def resume(directory: Path, path: Path | None, overrides: Sequence[Override], where: Where, console: Console) -> int:
    """Go on with a sweep that was interrupted, from its study and its records. path: the sweep's file, if it should be
    compared with what the directory was made from; its profile is then the one that the directory was made with, on
    whatever hardware it goes on. The exit code. Raises InputError, RecordingError."""

    def read(hardware: Hardware) -> SweepSpec:
        if path is None:
            return load(directory / SPEC, overrides, hardware)
        return _as_before(directory, path, overrides, hardware)

    try:
        if is_parted(directory):
            if path is not None:
                raise InputError(f"--sweep: {directory} holds parts; --resume without --sweep goes on with all of them")
            parts = parted.read_parts(directory, overrides)
            with _connected(where) as found:
                return parted.drive_all(directory, parts, found, console, Halt(lost=partial(lost, console)))
        if not (directory / SPEC).is_file():
            raise InputError(f"--resume: {directory} is not a sweep's directory: it has no {SPEC}")
        spec = read(resources.hardware())  # mistakes show before a cluster is asked
        with _connected(where) as found:
            if where.address is not None:
                spec = read(found)  # where nobody noted a profile yet, `auto` means the cluster's hardware
            prepared = plan.prepare(spec)
            share = resources.share(spec.resources, found, spec.budget.trials)
            return drive(prepared, directory, share, console)
    except KeyboardInterrupt:
        return _interrupted(directory)


def _as_before(directory: Path, path: Path, overrides: Sequence[Override], hardware: Hardware) -> SweepSpec:
    """The file at `path` with the profile that the sweep in `directory` was made with, if that makes it the same sweep;
    else as it is, with the profile for this hardware. Raises InputError."""
    study = load_study(directory)
    noted = None if study is None else study.user_attrs.get("profile")
    if study is not None and noted is not None:
        with contextlib.suppress(InputError):  # it has no such profile, or is wrong otherwise, and is read again below
            spec = load(path, [f"profile={noted}", *overrides], hardware)
            if same_specification(study, spec):
                return spec
    return load(path, overrides, hardware)


@contextmanager
def _connected(where: Where) -> Iterator[Hardware]:
    """As `Where.connect`. Ray takes SIGTERM while it starts, and keeps it; here it stays a signal like Ctrl-C."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(where.connect())
        except SystemExit as end:
            raise KeyboardInterrupt from end
        finally:
            take_signals()
        yield found


def _interrupted(directory: Path) -> int:
    say(f"interrupted. What was finished is kept; to go on: {resumption(directory)}")
    return EXIT_CODE
