"""A sweep file with `parts`: a sweep of its own for each combination, one after the other in one folder.

Everything about a part but its line in the index is in its own folder, which is that of any sweep.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from coftad.types import InputError
from tune_runner import plan, resources
from tune_runner.availability import may_lack
from tune_runner.commands import resumption
from tune_runner.directory import SPEC, dated_directory, write_spec
from tune_runner.interruption import EXIT_CODE
from tune_runner.parts_index import Entry, read_index, write_index
from tune_runner.run import drive
from tune_runner.spec import Hardware, Part, SweepSpec, load
from tune_runner.spec_layers import Override
from tune_runner.study.page import JSON
from tune_runner.study.words import percent


def new_directory(parts: Sequence[Part]) -> Path:
    """`output/name/<local time>` with the index and the specification of every part. Raises RecordingError."""
    directory = dated_directory(parts[0].spec.output / parts[0].file)
    for part in parts:
        write_spec(part.spec, directory / part.name)
    write_index(directory, [Entry(part.name, part.choices) for part in parts])
    return directory


def read_parts(directory: Path, overrides: Sequence[Override]) -> list[Part]:
    """The parts of a folder as they were begun. Raises RecordingError, InputError."""
    return [
        Part(entry.folder, entry.choices, load(directory / entry.folder / SPEC, overrides), directory.parent.name)
        for entry in read_index(directory)
    ]


def drive_all(directory: Path, parts: Sequence[Part], found: Hardware, console: Console) -> int:
    """Run what is left of every part on the Ray that is connected. The exit code.

    A part whose images cannot be used is left out, and the index says why, where data sets may be partial; else it ends
    the run with an InputError, and the parts before it are kept. `budget.wall_time` is of all parts together.
    """
    leave_out = any(map(may_lack, parts))
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
            share = resources.share(part.spec.resources, found, part.spec.budget.trials)
            code = drive(prepared, directory / part.name, share, console, told=False)
        entries.append(Entry(part.name, part.choices, missing))
        write_index(directory, [*entries, *(Entry(each.name, each.choices) for each in parts[number:])])
        if code == EXIT_CODE:
            console.print(f"to go on with all parts: {resumption(directory)}", markup=False, soft_wrap=True)
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
