"""The side-by-side as files: one HTML page that opens anywhere, and the same as a table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tune_runner.journal import write_whole
from tune_runner.paper.published import Figure, Row, Table
from tune_runner.paper.scale import Scale
from tune_runner.paper.side_by_side import Cell, Ours
from tune_runner.study.page import STYLE
from tune_runner.study.tables import write_table
from tune_runner.study.templates import template

HTML = "side_by_side.html"
TABLE = "side_by_side"
_TEMPLATE = Path(__file__).with_name("side_by_side.html.jinja")

LEGEND = (
    "Ours: mean ± standard deviation over support sets, their number in brackets. Within noise: the paper's figure "
    "lies in the 95 % prediction interval for one more support set; the paper gives no spread of its own. What the "
    "choice of test images does to AUROC is not in our spread where all support sets have the same test. Of many "
    "comparisons, one in twenty is beyond noise by chance."
)


@dataclass(frozen=True)
class Comparison:
    """All that is told of one table. commands: by what they do. missing: the parts whose data is not there, by what is
    said of it."""

    table: Table
    cells: tuple[Cell, ...]
    scale: Scale
    commands: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]

    @property
    def rows(self) -> dict[str, list[Cell]]:
        """Our cells, by the label of their row."""
        found: dict[str, list[Cell]] = {}
        for cell in self.cells:
            found.setdefault(cell.row.label, []).append(cell)
        return found

    @property
    def groups(self) -> dict[str, list[Row]]:
        """All rows of the table, in its order."""
        found: dict[str, list[Row]] = {}
        for row in self.table.rows:
            found.setdefault(row.group, []).append(row)
        return found

    @property
    def summary(self) -> list[str]:
        """In words, how many cells came to which verdict."""
        legible = [cell for cell in self.cells if isinstance(cell.paper, float)]
        compared = [cell for cell in legible if cell.difference is not None]
        sentences = [f"{len(compared)} of the {len(legible)} figures that the paper gives for the method are compared."]
        if compared:
            counts = _counted(cell.verdict.removeprefix("ours is ") for cell in compared)
            mean = sum(cell.difference or 0.0 for cell in compared) / len(compared)
            way = "lower" if mean < 0 else "higher"
            sentences.append(f"Of ours {counts}; on average they are {abs(mean):.1f} points {way}.")
        if others := [cell.verdict for cell in self.cells if cell.difference is None]:
            sentences.append(f"Not compared: {_counted(others)}.")
        return sentences


def write(comparison: Comparison, directory: Path) -> list[Path]:
    """side_by_side.html, .csv and .parquet, into `directory`. Raises RecordingError."""
    words = {"figure": figure, "spread": spread, "interval": interval, "difference": difference}
    page = template(_TEMPLATE, **words).render(
        table=comparison.table,
        rows=comparison.rows,
        groups=comparison.groups,
        summary=comparison.summary,
        scale=comparison.scale,
        commands=comparison.commands,
        missing=comparison.missing,
        legend=LEGEND,
        style=Markup(STYLE.read_text()),  # noqa: S704 (our own file)
    )
    write_whole(directory / HTML, lambda file: file.write(page.encode()))
    lines = _lines(comparison)
    return [directory / HTML, *write_table(directory / TABLE, list(lines[0]), lines)]


def figure(value: Figure) -> str:
    """A figure of the paper, as printed there."""
    return "" if value is None else value if isinstance(value, str) else f"{value:.2f}"


def spread(ours: Ours | None) -> str:
    """Mean ± standard deviation (episodes)."""
    if ours is None:
        return ""
    deviation = "" if ours.deviation is None else f" ± {ours.deviation:.1f}"
    return f"{ours.mean:.1f}{deviation} ({len(ours.aurocs)})"


def interval(ours: Ours | None) -> str:
    """Where one more support set would lie."""
    return "" if ours is None or ours.interval is None else "{:.1f} to {:.1f}".format(*ours.interval)


def difference(cell: Cell) -> str:
    return "" if cell.difference is None else f"{cell.difference:+z.1f}"


def _lines(comparison: Comparison) -> list[dict[str, Any]]:
    """One a cell: those of ours with what was measured, then other methods' with the paper's figure alone."""
    table = comparison.table
    others = [
        _line(table, Cell(row, column, value, None))
        for row in table.rows
        if row.where is None
        for column, value in zip(table.columns, table.figures(row), strict=True)
    ]
    return [_line(table, cell) for cell in comparison.cells] + others


def _line(table: Table, cell: Cell) -> dict[str, Any]:
    """What is not known is empty."""
    low, high = (cell.ours and cell.ours.interval) or (None, None)
    return {
        "table": table.title,
        "group": cell.row.group,
        "method": cell.row.name,
        "column": cell.column.name,
        "paper": None if cell.paper == "unreadable" else cell.paper,
        "unreadable": cell.paper == "unreadable",
        "ours": cell.ours and cell.ours.mean,
        "standard_deviation": cell.ours and cell.ours.deviation,
        "episodes": cell.ours and len(cell.ours.aurocs),
        "low": low,
        "high": high,
        "difference": cell.difference,
        "verdict": "another method" if cell.row.where is None else cell.verdict,
        "why": cell.why,
        "per_episode": cell.ours and " ".join(f"{auroc:.3f}" for auroc in cell.ours.aurocs),
    }


def _counted(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).items())
