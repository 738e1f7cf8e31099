"""`tune-runner paper TABLE`: run a table or a figure of the paper, and tell what it came to beside the paper's."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from coftad.types import InputError
from tune_runner.commands import python
from tune_runner.directory import SPEC
from tune_runner.dry_run import dry_run
from tune_runner.home import require_home
from tune_runner.paper import runs
from tune_runner.paper.figures import FIGURES
from tune_runner.paper.published import Column, Row, Table, published
from tune_runner.paper.scale import scale
from tune_runner.paper.side_by_side import cells
from tune_runner.paper.side_by_side_page import HTML, LEGEND, Comparison, difference, figure, spread, write
from tune_runner.reopening import reopen
from tune_runner.spec_fields import refusal
from tune_runner.spec_layers import Override
from tune_runner.where import Where

_SWEEPS = Path("sweeps", "paper")


def paper(
    name: str,
    overrides: Sequence[Override],
    where: Where,
    console: Console,
    *,
    read: Path | None = None,
    dry: bool = False,
    allow_partial: bool = False,
) -> int:
    """Run sweeps/paper/NAME.yaml and tell of it. The exit code. Raises InputError, RecordingError.

    read: tell of the run in this directory instead. dry: only say what would run. allow_partial: leave out parts that
    have no images.
    """
    known = (*published().tables, *FIGURES)
    if name not in known:
        raise InputError("paper: " + refusal(name, f"one of {', '.join(known)}", known))
    if dry:
        return dry_run(sweep_file(name), overrides, console, allow_partial=allow_partial)
    code, directory = 0, read
    if directory is None:
        code, directory = start(sweep_file(name), list(overrides), where, console, allow_partial=allow_partial)
    if name in FIGURES:
        if code == 0:  # a figure is of a whole ablation
            FIGURES[name](reopen(directory, name)[0], directory, console)
        return code
    return tell(name, directory, console) or code


def start(
    path: Path, overrides: list[Override], where: Where, console: Console, *, allow_partial: bool
) -> tuple[int, Path]:
    """As `launch.start`, which loads Ray: not for a dry run, nor to tell of an earlier run."""
    require_home()
    from tune_runner import launch

    return launch.start(path, overrides, where, console, allow_partial=allow_partial)


def sweep_file(name: str) -> Path:
    """That below the current folder, else that of the checkout that runs, else that which was installed with it."""
    for folder in (_SWEEPS, Path(__file__).parents[2] / _SWEEPS, Path(__file__).parent / "sweeps"):
        if (file := folder / f"{name}.yaml").is_file():
            return file
    raise InputError(f"paper: there is no {_SWEEPS / name}.yaml, neither here nor with the program; install it again")


def tell(table_name: str, directory: Path, console: Console) -> int:
    """Write side_by_side.html, .csv and .parquet into the folder of a run, finished or not, and print the same.

    Returns the exit code. Raises InputError for a folder that is no run's, RecordingError for a damaged one.
    """
    tables = published().tables
    table, found = tables[table_name], runs.read(directory)
    compared = cells(table, published(), found)
    again = _again(table_name, directory, found)
    comparison = Comparison(table, compared, scale(found), again, _missing(found))
    write(comparison, directory)
    _show(comparison, directory, console)
    return 0


def _again(table_name: str, directory: Path, found: Iterable[runs.Run]) -> dict[str, str]:
    """The commands that run all of it again at this scale, tell of what is here, and run a part exactly as it was."""
    done = [run for run in found if run.aurocs]
    profiles = {run.profile for run in done if run.profile}
    at = f" --set profile={profiles.pop()}" if len(profiles) == 1 else ""
    partial = " --allow-partial" if any(run.spec["dataset"].get("allow_partial") for run in done) else ""
    again = {
        "run again": f"{python()} paper {table_name}{at}{partial}",
        "tell again": f"{python()} paper {table_name} --read {shlex.quote(str(directory))}",
    }
    exactly = {run.folder.name: shlex.quote(str(run.folder / SPEC)) for run in done}
    return again | {f"only {name}": f"{python()} --sweep {file}" for name, file in exactly.items()}


def _missing(found: Iterable[runs.Run]) -> dict[str, tuple[str, ...]]:
    said: dict[str, tuple[str, ...]] = {}
    for run in found:
        if run.missing:
            said[run.missing] = (*said.get(run.missing, ()), run.folder.name)
    return said


def _show(comparison: Comparison, directory: Path, console: Console) -> None:
    table = comparison.table
    console.print(f"\n{table.title}: {table.caption}", style="bold", markup=False, highlight=False)
    console.print(table.protocol, markup=False, highlight=False)
    console.print(comparison.scale.sentence, style="bold yellow", markup=False, highlight=False)
    console.print(_grid(comparison))
    for sentence in comparison.summary:
        console.print(sentence, markup=False, highlight=False)
    console.print(LEGEND, style="dim", markup=False, highlight=False)
    for note in table.notes:
        console.print(f"- {note}", markup=False, highlight=False)
    for said, names in comparison.missing.items():
        console.print(f"not run: {', '.join(names)}:\n{said}", markup=False, highlight=False)
    for what, fact in comparison.scale.facts.items():
        console.print(f"{what:>12}: {fact}", markup=False, highlight=False, soft_wrap=True)
    for what, told in {"page": str(directory / HTML), "again": comparison.commands["run again"]}.items():
        console.print(f"{what:>12}: {told}", markup=False, highlight=False, soft_wrap=True)


def _grid(comparison: Comparison) -> Grid:
    grid = Grid("AUROC in %", "paper", "ours", "difference", "verdict", "best of the others")
    for label, own in comparison.rows.items():
        grid.add_section()
        grid.add_row(label, style="bold")
        for cell in own:
            beyond = cell.verdict in ("ours is higher", "ours is lower")
            grid.add_row(
                f"  {cell.column.name}",
                figure(cell.paper),
                spread(cell.ours),
                difference(cell),
                Text(cell.told),
                Text(_best_other(comparison.table, cell.row, cell.column), style="bright_black"),
                style="bold" if beyond else None,
            )
    return grid


def _best_other(table: Table, row: Row, column: Column) -> str:
    """The highest figure of a method that is not ours in the same group and column."""
    place = table.columns.index(column)
    others = [
        (value, other.name)
        for other in table.rows
        if other.where is None and other.group == row.group and isinstance(value := table.figures(other)[place], float)
    ]
    if not others:
        return ""
    value, name = max(others)
    return f"{name} {value:.2f}"
