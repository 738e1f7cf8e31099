"""What a sweep file would run, and what it would cost; nothing is written and no Ray is started."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tune_runner import availability, plan, resources
from tune_runner.spec import Part, SweepSpec, load_parts, may_be_partial
from tune_runner.spec_layers import Override


def dry_run(path: Path, overrides: Sequence[Override], console: Console, *, allow_partial: bool = False) -> int:
    """The exit code. Raises InputError for mistakes in the file. A public data set that is not here, of one sweep or of
    some parts, is no mistake of the file: it is told, and where to get it."""
    parts = load_parts(path, overrides, resources.hardware(), allow_partial=allow_partial)
    if parts[0].name or _to_be_got(parts[0]):
        _show_parts(parts, console)
    else:
        _show(parts[0].spec, console)
    return 0


def _to_be_got(part: Part) -> bool:
    """Whether a public data set, or some of it, is not here."""
    return may_be_partial(part) and bool(availability.lacking(part))


def _show(spec: SweepSpec, console: Console, folder: str = "") -> float:
    """Seconds that it would take."""
    prepared = plan.prepare(spec)
    share = resources.share(spec.resources, resources.hardware(), spec.budget.trials)
    cost = plan.estimate(
        prepared, concurrent=share.concurrent, threads=share.threads, device="auto" if share.gpu else "cpu"
    )
    plan.show(prepared, cost, console, folder)
    return cost.total


def _show_parts(parts: Sequence[Part], console: Console) -> None:
    """The cost is that of the first part that has images, times their number."""
    missing = {part.name: availability.lacking(part) for part in parts}
    told = f"{len(parts)} parts" if parts[0].name else parts[0].file
    table = Table(*parts[0].choices, "trials", "episodes", "images", title=told, title_justify="left")
    for part in parts:
        counts = (str(plan.planned(part.spec)), str(part.spec.episodes))
        table.add_row(*part.choices.values(), *counts, "lacking" if missing[part.name] else "there")
    console.print(table)
    for problem in dict.fromkeys(filter(None, missing.values())):
        console.print(problem, style="yellow", markup=False, highlight=False)
    ready = [part for part in parts if not missing[part.name]]
    if not ready:
        console.print("cost      not known without images")
        return
    first = ready[0]
    console.rule(f"one of them: {first.name}", align="left")
    folder = f"{first.spec.output}/{first.file}/.../{first.name}"
    total = plan.duration(_show(first.spec, console, folder) * len(ready))
    console.print(f"{len(ready)} of {len(parts)} parts have images; about {total} if all take as long as this one")
