"""The folder of a file with `parts`: its index (`parts.json`) says what each part is of, and why one was left out."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from coftad.types import InputError
from tune_runner.checksums import note_files
from tune_runner.journal import RecordingError, write_whole
from tune_runner.reconcile import STUDY

INDEX = "parts.json"


@dataclass(frozen=True)
class Entry:
    """A line of the index. folder: of the part, beside the index. missing: why the part is left out; empty if it is
    not."""

    folder: str
    choices: Mapping[str, str]
    missing: str = ""


def is_parted(directory: Path) -> bool:
    return (directory / INDEX).is_file()


def sweeps(directory: Path) -> list[Path]:
    """The directories of the sweeps that `directory` stands for: itself, or those of its parts that have begun. Raises
    InputError if none has."""
    if not is_parted(directory):
        return [directory]
    if begun := [folder for entry in read_index(directory) if ((folder := directory / entry.folder) / STUDY).is_file()]:
        return begun
    again = f"--resume {shlex.quote(str(directory))}"
    raise InputError(f"{directory}: none of its parts has begun; {again} runs them")


def read_index(directory: Path) -> list[Entry]:
    """Raises RecordingError where it is missing or damaged."""
    path = directory / INDEX
    try:
        return [Entry(**each) for each in json.loads(path.read_text())]
    except OSError as error:
        raise RecordingError(path, error) from error
    except (ValueError, TypeError) as error:
        raise RecordingError(path, f"damaged: {error!r}") from error


def write_index(directory: Path, entries: Sequence[Entry]) -> None:
    text = json.dumps([asdict(entry) for entry in entries], indent=1)
    write_whole(directory / INDEX, lambda file: file.write(text.encode()))
    note_files(directory, [directory / INDEX])
