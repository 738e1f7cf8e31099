"""A sweep's directory: where a new one goes, and the specification that is kept in it."""

import contextlib
from datetime import datetime
from pathlib import Path

from coftad.types import InputError
from tune_runner.journal import RecordingError, write_whole
from tune_runner.spec import SweepSpec, load

SPEC = "sweep.yaml"


def new_directory(spec: SweepSpec) -> Path:
    """An empty `output/name/<local time>` with the resolved specification in it. RecordingError if it can't be made."""
    directory = dated_directory(spec.output / spec.name)
    write_spec(spec, directory)
    return directory


def dated_directory(parent: Path) -> Path:
    """A new, empty `<local time>` in `parent`. Raises RecordingError."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"_{number}" for number in range(2, 100))):
            directory = parent / (stamp + suffix)
            with contextlib.suppress(FileExistsError):
                directory.mkdir()
                break
    except OSError as error:
        raise RecordingError(parent, error) from error
    return directory


def write_spec(spec: SweepSpec, directory: Path) -> None:
    """Keep the specification with the results, in a folder that may not exist yet. Raises RecordingError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(directory, error) from error
    write_whole(directory / SPEC, lambda file: file.write(spec.to_yaml().encode()))


def kept_text(directory: Path, spec: SweepSpec) -> str:
    """The specification as it stands in the directory, written there if it is none or another sweep's: what a driver
    was given may say another budget. Raises RecordingError."""
    try:
        if load(directory / SPEC, ["tracking.uri=null"]).fingerprint() == spec.fingerprint():
            return (directory / SPEC).read_text("utf-8")
    except InputError:
        pass
    write_spec(spec, directory)
    return spec.to_yaml()


def artifact_folder(directory: Path, trial: int) -> Path:
    """Where a configuration's pictures and scores are, MLflow or not."""
    return directory / "artifacts" / f"trial-{trial:04d}"
