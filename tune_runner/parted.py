"""A sweep file with `parts`: a sweep of its own for each combination, one after the other in one folder.

Everything about a part but its line in the index is in its own folder, which is that of any sweep.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from coftad.types import InputError
from tune_runner import plan, resources
from tune_runner.availability import may_lack
from tune_runner.callback import Halt
from tune_runner.commands import resumption
from tune_runner.directory import SPEC, dated_directory, write_spec
from tune_runner.interruption import on_interrupt
from tune_runner.output import tell
from tune_runner.parts_index import Entry, read_index, write_index
from tune_runner.run import drive
from tune_runner.spec import Hardware, Part, load
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


def drive_all(directory: Path, parts: Sequence[Part], found: Hardware, console: Console, halt: Halt) -> int:
    """Run what is left of every part on the Ray that is connected. The exit code.

    A part whose images cannot be used is left out, and the index says why, where data sets may be partial; else it ends
    the run with an InputError, and the parts before it are kept. `budget.wall_time` is of all parts together, counted
    from the beginning of `halt`: a part that it leaves no time for is not begun.
    """
    leave_out = any(map(may_lack, parts))
    entries = {part.name: Entry(part.name, part.choices) for part in parts}
    with on_interrupt(halt.interrupt, resumption(directory)):
        try:
            for number, part in enumerate(parts, 1):
                halt.limit(part.spec.budget.wall_time)
                if halt.stop_all():
                    halt.incomplete = True
                    continue
                console.rule(f"part {number} of {len(parts)}: {part.name}", align="left")
                try:
                    prepared = plan.prepare(part.spec)
                except InputError as error:
                    if not leave_out:
                        raise
                    entries[part.name] = replace(entries[part.name], missing=str(error))
                    tell(console, f"left out: {error}")
                else:
                    share = resources.share(part.spec.resources, found, part.spec.budget.trials)
                    drive(prepared, directory / part.name, share, console, told=False, halt=halt)
                write_index(directory, list(entries.values()))
        except BaseException:
            tell(console, f"to go on with all parts: {resumption(directory)}")
            raise
    if all(entry.missing for entry in entries.values()):
        missing = next(entry.missing for entry in entries.values())
        raise InputError(f"there are images for none of the {len(parts)} parts; the first: {missing}")
    if not halt.code:
        _show(directory, list(entries.values()), console)
    if halt.incomplete or halt.code:
        why = halt.reason or "not all trials could be run"
        tell(console, f"stopped before the end: {why}; to go on with all parts: {resumption(directory)}")
    return halt.code


def _show(directory: Path, entries: Sequence[Entry], console: Console) -> None:
    table = Table(*entries[0].choices, "best on test", "report", title=str(directory), title_justify="left")
    for entry in entries:
        reported = (directory / entry.folder / JSON).is_file()
        told = "left out" if entry.missing else _best(directory / entry.folder) if reported else "not begun"
        table.add_row(*entry.choices.values(), told, f"{entry.folder}/report.html" if reported else "")
    console.print(table)


def _best(folder: Path) -> str:
    best = json.loads((folder / JSON).read_text())["best"]
    return "nothing finished" if best is None else percent(best["test_auroc"])
