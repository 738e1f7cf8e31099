"""A sweep file with `parts`: a sweep of its own for each combination, one after the other in one folder.

The folder's index (`parts.json`) says what each part is of, and why one was left out. Everything else about a part is
in its own folder, which is that of any sweep.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from coftad.datasets.inventory import require
from coftad.types import InputError
from tune_runner import cluster, plan
from tune_runner.commands import python
from tune_runner.interruption import EXIT_CODE
from tune_runner.journal import RecordingError, write_whole
from tune_runner.reconcile import STUDY
from tune_runner.run import SPEC, dated_directory, drive, write_spec
from tune_runner.spec import Part, SweepSpec, load
from tune_runner.study.page import JSON
from tune_runner.study.words import percent

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
    raise InputError(f"{directory}: none of its parts has begun; --resume {directory} runs them")


def read_index(directory: Path) -> list[Entry]:
    """Raises RecordingError where it is missing or damaged."""
    path = directory / INDEX
    try:
        return [Entry(**each) for each in json.loads(path.read_text())]
    except OSError as error:
        raise RecordingError(path, error) from error
    except (ValueError, TypeError) as error:
        raise RecordingError(path, f"damaged: {error!r}") from error


def _write_index(directory: Path, entries: Sequence[Entry]) -> None:
    text = json.dumps([asdict(entry) for entry in entries], indent=1)
    write_whole(directory / INDEX, lambda file: file.write(text.encode()))


def check(parts: Sequence[Part]) -> None:
    """Raise one InputError for all data sets of which something is lacking, before anything is trained."""
    problems = {problem: None for part in parts if not _may_lack(part) and (problem := lacking(part))}
    if problems:
        advice = "--allow-partial runs the parts that there are images for, and says which it leaves out."
        raise InputError("\n".join([*problems, advice]))


def lacking(part: Part) -> str:
    """What is missing of a part's images, told by their names and not by opening them; empty if nothing is."""
    source = part.spec.dataset.source
    if source.root is None:
        return ""
    try:
        require(source.origin, source.root, source.inventory(), allow_partial=_may_lack(part))
    except InputError as error:
        where = f"\nGet it from {source.origin.source} ({source.origin.terms})."
        return f"{error}{'' if source.root.is_dir() else where}"
    return ""


def _may_lack(part: Part) -> bool:
    return bool(getattr(part.spec.dataset.source, "allow_partial", False))


def new_directory(parts: Sequence[Part]) -> Path:
    """`output/name/<local time>` with the index and the specification of every part. Raises RecordingError."""
    directory = dated_directory(parts[0].spec.output / parts[0].file)
    for part in parts:
        write_spec(part.spec, directory / part.name)
    _write_index(directory, [Entry(part.name, part.choices) for part in parts])
    return directory


def read_parts(directory: Path, overrides: Sequence[str]) -> list[Part]:
    """The parts of a folder as they were begun. Raises RecordingError, InputError."""
    return [
        Part(entry.folder, entry.choices, load(directory / entry.folder / SPEC, overrides), directory.parent.name)
        for entry in read_index(directory)
    ]


def drive_all(directory: Path, parts: Sequence[Part], found: cluster.Hardware, console: Console) -> int:
    """Run what is left of every part on the Ray that is connected. The exit code.

    A part whose images cannot be used is left out, and the index says why, where data sets may be partial; else it ends
    the run with an InputError, and the parts before it are kept. `budget.wall_time` is of all parts together.
    """
    leave_out = any(map(_may_lack, parts))
    entries: list[Entry] = []
    begun = time.monotonic()
    for number, part in enumerate(parts, 1):
        console.rule(f"part {number} of {len(parts)}: {part.name}", align="left")
        missing, code = "", 0
        try:
            prepared = plan.prepare(_within(part.spec, time.monotonic() - begun))
        except InputError as error:
            if not leave_out:
                raise
            missing = str(error)
            console.print(f"left out: {missing}", markup=False, highlight=False)
        else:
            share = cluster.share(part.spec.resources, found, part.spec.budget.trials)
            code = drive(prepared, directory / part.name, share, console, told=False)
        entries.append(Entry(part.name, part.choices, missing))
        _write_index(directory, [*entries, *(Entry(each.name, each.choices) for each in parts[number:])])
        if code == EXIT_CODE:
            console.print(f"to go on with all parts: {python()} --resume {directory}", markup=False, soft_wrap=True)
            return code
    if all(entry.missing for entry in entries):
        raise InputError(f"there are images for none of the {len(parts)} parts; the first: {entries[0].missing}")
    _show(directory, entries, console)
    return 0


def _within(spec: SweepSpec, spent: float) -> SweepSpec:
    """With what is left of the time for all parts; a second is enough to find that there is none."""
    if spec.budget.wall_time is None:
        return spec
    return replace(spec, budget=replace(spec.budget, wall_time=max(1.0, spec.budget.wall_time - spent)))


def _show(directory: Path, entries: Sequence[Entry], console: Console) -> None:
    table = Table(*entries[0].choices, "best on test", "report", title=str(directory), title_justify="left")
    for entry in entries:
        told = "left out" if entry.missing else _best(directory / entry.folder)
        table.add_row(*entry.choices.values(), told, "" if entry.missing else f"{entry.folder}/report.html")
    console.print(table)


def _best(folder: Path) -> str:
    best = json.loads((folder / JSON).read_text())["best"]
    return "nothing finished" if best is None else percent(best["test_auroc"])
