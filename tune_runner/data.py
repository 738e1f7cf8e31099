"""Is a data set here and whole? File by file, without decoding, and where and under which terms to get it."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from coftad.datasets import DATASETS
from coftad.datasets.files import printable
from coftad.datasets.inventory import Inventory, Part
from coftad.types import InputError
from tune_runner.spec_fields import fields_of, refusal

SHOWN = 10  # names of missing files


def data(name: str, root: Path | None, console: Console, *, allow_partial: bool) -> int:
    """Print what is there of the data set called `name`. The exit code: 0 if a sweep can use it, 2 if it cannot.

    root: its folder; None for a set that is simulated without one. allow_partial: a part of it will do, where its key
    `allow_partial` exists. Raises InputError for an unknown name and for a root that is missing.
    """
    if name not in DATASETS:
        raise InputError("data: " + refusal(name, f"one of {', '.join(DATASETS)}", DATASETS))
    source = DATASETS[name]
    divisible = "allow_partial" in fields_of(source)
    if allow_partial and not divisible:
        raise InputError(f"--allow-partial would be ignored: {name} has no parts that may be missing; leave it out")
    if root is None:
        if fields_of(source)["root"].required:
            raise InputError(f"data: {name} needs --root DIR; expected there: {source.origin.layout}")
        console.print(f"{name} without a root is simulated: there is nothing to check", markup=False)
        return 0
    inventory = source.survey(root)
    _show(source.origin.title, root, inventory, console)
    for word, text in (
        ("get it", source.origin.source),
        ("terms", source.origin.terms),
        ("layout", source.origin.layout),
    ):
        console.print(f"{word:<9} {text}", markup=False, highlight=False, soft_wrap=True)
    if not inventory.lacking:
        return 0
    damaged = any(part.damaged for part in inventory.parts)
    if divisible and not inventory.absent and not allow_partial and not damaged:
        console.print("a sweep of what is there says `allow_partial: true` under `dataset`; here it is --allow-partial")
    return 0 if divisible and allow_partial and not inventory.absent and not damaged else 2


def _show(title: str, root: Path, inventory: Inventory, console: Console) -> None:
    verdict = "is not whole" if inventory.lacking else "is whole"
    console.print(f"{title} in {root} {verdict}", style="bold", markup=False, highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("part")
    table.add_column("found", justify="right")
    table.add_column("expected", justify="right")
    table.add_column("")
    for part in inventory.parts:
        expected = "any" if part.expected is None else f"{part.expected:,}"
        table.add_row(part.name, f"{part.found:,}", expected, _state(part), style=None if part.whole else "yellow")
    console.print(table)
    if inventory.ignored:
        console.print(f"not read  {inventory.ignored}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    for word in ("missing", "damaged"):
        names = [name for part in inventory.lacking for name in getattr(part, word)]
        for name in names[:SHOWN]:
            console.print(f"{word:<9} {printable(name)}", markup=False, highlight=False, soft_wrap=True)
        if len(names) > SHOWN:
            console.print(f"          and {len(names) - SHOWN:,} more", markup=False, highlight=False)


def _state(part: Part) -> str:
    if part.whole:
        return "whole"
    if part.expected is not None and part.found > part.expected:
        return f"{part.found - part.expected:,} too many"
    if part.damaged and not part.missing and part.found == (part.expected or part.found):
        return f"{len(part.damaged):,} damaged"
    return "absent" if not part.found else f"{max(len(part.missing), (part.expected or 0) - part.found):,} missing"
