"""From a sweep file or a sweep's directory to a Ray to run it on, and to as many sweeps as the file asks for."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from coftad.types import InputError
from tune_runner import availability, cluster, parted, plan, resources
from tune_runner.directory import SPEC, new_directory
from tune_runner.parts_index import is_parted
from tune_runner.run import drive
from tune_runner.spec import Hardware, Part, load, load_parts


@dataclass(frozen=True)
class Where:
    """The cluster to run on: None is a Ray of our own on this machine. insecure: join one without a token."""

    address: str | None = None
    insecure: bool = False

    def connect(self) -> AbstractContextManager[Hardware]:
        return cluster.connected(self.address, insecure=self.insecure)


def start(
    path: Path, overrides: list[str], where: Where, console: Console, *, allow_partial: bool = False
) -> tuple[int, Path]:
    """What the file asks for: one sweep, or one of each of its parts. The exit code and the directory. Raises
    InputError, RecordingError."""

    def read(hardware: Hardware) -> list[Part]:
        return load_parts(path, overrides, hardware, allow_partial=allow_partial)

    parts = read(resources.hardware())  # mistakes show before a cluster is asked
    if parts[0].name:
        availability.check(parts)
    with where.connect() as found:
        if where.address is not None:
            parts = read(found)  # `profile: auto` means the cluster's hardware
        if parts[0].name:
            directory = parted.new_directory(parts)
            return parted.drive_all(directory, parts, found, console), directory
        prepared = plan.prepare(parts[0].spec)
        share = resources.share(prepared.spec.resources, found, prepared.spec.budget.trials)
        directory = new_directory(prepared.spec)
        return drive(prepared, directory, share, console), directory


def resume(directory: Path, path: Path | None, overrides: list[str], where: Where, console: Console) -> int:
    """Go on with a sweep that was interrupted, from its study and its records. path: the sweep's file, if it should be
    compared with what the directory was made from."""
    if is_parted(directory):
        if path is not None:
            raise InputError(f"--sweep: {directory} holds parts; --resume without --sweep goes on with all of them")
        parts = parted.read_parts(directory, overrides)
        with where.connect() as found:
            return parted.drive_all(directory, parts, found, console)
    if not (directory / SPEC).is_file():
        raise InputError(f"--resume: {directory} is not a sweep's directory: it has no {SPEC}")
    spec = load(path or directory / SPEC, overrides, resources.hardware())
    with where.connect() as found:
        prepared = plan.prepare(spec)
        share = resources.share(spec.resources, found, spec.budget.trials)
        return drive(prepared, directory, share, console)
