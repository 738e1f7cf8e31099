"""A table of the paper beside ours: for each of its figures our AUROC, the difference, and whether noise explains it.

The paper prints one number without a spread. Ours are several draws of the support set, so the question that can be
answered is whether the paper's number could be one more of our draws: whether it lies in their 95 % prediction
interval, mean ± t(0.975, n - 1) · s · √(1 + 1/n).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from scipy.stats import t

from tune_runner.paper.published import Column, Figure, Published, Row, Table
from tune_runner.paper.runs import Run, Settings
from tune_runner.space import KINDS

FEWEST = 5  # episodes that a comparison should have
LEVEL = 0.95

Verdict = Literal[
    "within noise",
    "ours is higher",
    "ours is lower",
    "one episode has no spread",
    "not the paper's protocol",
    "unreadable in the paper",
    "not in the paper",
    "not run",
]


@dataclass(frozen=True)
class Ours:
    """aurocs: in %, one an episode, at least one; of an average over classes the average in each episode."""

    aurocs: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.aurocs))

    @property
    def deviation(self) -> float | None:
        """Over episodes; None for a single one."""
        return float(np.std(self.aurocs, ddof=1)) if len(self.aurocs) > 1 else None

    @property
    def few(self) -> bool:
        return len(self.aurocs) < FEWEST

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where one more draw would lie; None where there is no spread to tell it from."""
        if self.deviation is None:
            return None
        n = len(self.aurocs)
        half = float(t.ppf(0.5 + LEVEL / 2, n - 1)) * self.deviation * math.sqrt(1 + 1 / n)
        return max(0.0, self.mean - half), min(100.0, self.mean + half)  # beyond there is no AUROC


@dataclass(frozen=True)
class Cell:
    """One figure of a method of ours. why: what there is instead of `ours`, or why it is not compared."""

    row: Row
    column: Column
    paper: Figure
    ours: Ours | None
    why: str = ""

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's, in points; None where the two are not compared."""
        if self.ours is None or self.why or not isinstance(self.paper, float):
            return None
        return self.ours.mean - self.paper

    @property
    def verdict(self) -> Verdict:
        if self.ours is None:
            return "not run"
        if self.paper is None:
            return "not in the paper"
        if self.paper == "unreadable":
            return "unreadable in the paper"
        if self.why:
            return "not the paper's protocol"
        if self.ours.interval is None:
            return "one episode has no spread"
        low, high = self.ours.interval
        return "ours is higher" if self.paper < low else "ours is lower" if self.paper > high else "within noise"

    @property
    def told(self) -> str:
        """The verdict with what there is to add."""
        few = f"fewer than {FEWEST} episodes" if self.ours is not None and self.ours.few else ""
        return "; ".join(part for part in (self.verdict, few, self.why) if part)


def cells(table: Table, published: Published, runs: Sequence[Run]) -> tuple[Cell, ...]:
    """Every figure of our methods, row by row."""
    return tuple(
        _cell(row, column, figure, {**published.everywhere, **table.where, **row.where, **column.where}, runs)
        for row in table.rows
        if row.where is not None
        for column, figure in zip(table.columns, table.figures(row), strict=True)
    )


def _cell(row: Row, column: Column, paper: Figure, where: Mapping[str, Any], runs: Sequence[Run]) -> Cell:
    places = [dict(zip(column.mean_over, chosen, strict=True)) for chosen in product(*column.mean_over.values())]
    measured = [(", ".join(place.values()), _measured({**where, **place}, runs)) for place in places]
    if lacking := {place: why for place, why in measured if isinstance(why, str)}:
        why = next(iter(lacking.values()))
        return Cell(row, column, paper, None, f"{_few(lacking, len(places))}: {why}" if column.mean_over else why)
    found = [each for _, each in measured if not isinstance(each, str)]
    common = sorted(set.intersection(*(set(aurocs) for _, aurocs in found)))
    if not common:
        return Cell(row, column, paper, None, "no episode has been run for all that it is the average of")
    ours = Ours(tuple(float(np.mean([aurocs[episode] for _, aurocs in found])) for episode in common))
    holdout = max(run.holdout for run, _ in found)
    return Cell(row, column, paper, ours, f"holdout {holdout:g} keeps images back" if holdout else "")


def _measured(where: Mapping[str, Any], runs: Sequence[Run]) -> tuple[Run, Mapping[int, float]] | str:
    """The part and the AUROC by episode of the one row that `where` says, or why there is none."""
    places = {key: value for key, value in where.items() if key not in KINDS}
    settings = {key: value for key, value in where.items() if key in KINDS}
    here = [run for run in runs if all(run.fits(key, value) for key, value in places.items())]
    if len(here) != 1:
        return f"{'more than one' if here else 'no'} part has {_named(places)}"
    [run] = here
    if not run.aurocs:
        return "data missing" if run.missing else "nothing is recorded yet"
    rows = [row for row in map(dict, run.aurocs) if all(row[key] == value for key, value in settings.items())]
    if "steps" not in settings:
        end = max((row["steps"] for row in rows), default=None)
        rows = [row for row in rows if row["steps"] == end]
    if len(rows) != 1:
        return _ambiguous(rows) if rows else f"no row has {_unmet(settings, run.aurocs)}"
    return run, run.aurocs[tuple(rows[0].items())]


def _few(lacking: Iterable[str], of: int) -> str:
    """The first of what an average lacks."""
    names = list(lacking)
    return f"{len(names)} of {of} lacking ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"


def _named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in values.items())


def _unmet(settings: Mapping[str, Any], rows: Mapping[Settings, object]) -> str:
    """The settings that no row has; where each is met by some row, all of them."""
    met = {pair for row in rows for pair in row}
    return _named(dict(pair for pair in settings.items() if pair not in met) or settings)


def _ambiguous(rows: Sequence[Mapping[str, Any]]) -> str:
    differ = [key for key in rows[0] if len({row[key] for row in rows}) > 1]
    return f"{len(rows)} rows fit and differ in {', '.join(differ)}; run it with one value of these"
