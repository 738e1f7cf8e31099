"""Pictures of a study's answers, for print, for MLflow and for whoever opens the report without JavaScript."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from tune_runner.journal import write_whole
from tune_runner.study.curves import Curve, Point
from tune_runner.study.effects import Effect
from tune_runner.study.words import text

ACCENT, QUIET, SHADE = "#2457a6", "#9aa5b1", "#dce8f7"
_ACROSS = 2
_WIDE, _HIGH, _DPI = 4.8, 3.0, 110  # inches of one panel
_HEAT = LinearSegmentedColormap.from_list("heat", ["#f4f7fb", ACCENT])


def draw_curves(curves: Sequence[Curve], path: Path) -> None:
    """AUROC along each setting. Bars: the paired interval of the difference to the reference, which is the line. The
    shade: the values that are not shown to be worse than the best one."""
    _panels(path, curves, _curve, "search AUROC, %")


def draw_means(means: Sequence[Any], path: Path) -> None:
    """Mean AUROC of each level of each setting, with its 95 % interval."""
    _panels(path, means, _means, "search AUROC, %")


def draw_interactions(interactions: Sequence[Any], path: Path) -> None:
    """Mean AUROC (%) of each pair of levels."""
    _panels(path, interactions, _heat, "")


def draw_importance(branches: Sequence[Any], path: Path) -> None:
    """PED-ANOVA's shares of each branch, with their 95 % intervals."""
    _panels(path, branches, _importance, "")


def draw_effects(effects: Sequence[Effect], path: Path) -> None:
    """Each setting's largest difference, with its 95 % interval; in colour where it is shown."""
    figure = Figure(figsize=(1.5 * _WIDE, 0.9 + 0.4 * len(effects)), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    for place, effect in enumerate(effects):
        colour = ACCENT if effect.shown else QUIET
        low, high = effect.interval
        axes.plot([100 * low, 100 * high], [place, place], color=colour, lw=1.4)
        axes.plot(100 * effect.difference, place, "o", color=colour, ms=6)
    axes.set_yticks(range(len(effects)), [f"{each.parameter}: {each.better} over {each.worse}" for each in effects])
    axes.invert_yaxis()
    axes.axvline(0, color="0.6", lw=0.8)
    axes.set_xlabel("difference in search AUROC, points")
    axes.spines[["top", "right"]].set_visible(False)
    write_whole(path, FigureCanvasAgg(figure).print_png)


def labels(values: Sequence[Any]) -> list[str]:
    """Of levels that have places of their own rather than on a scale."""
    return [text(value) for value in values]


def scale(values: Sequence[float]) -> str:
    """`linear`, `log` or `complement` (1 - value on a log scale), on which the values, which were laid out evenly on
    their own, lie about evenly."""
    if min(values) > 0 and max(values) / min(values) > 20:
        return "log"
    if 0.5 < min(values) < max(values) < 1 and (1 - min(values)) / (1 - max(values)) > 20:
        return "complement"
    return "linear"


def _panels(path: Path, items: Sequence[Any], draw: Callable[[Axes, Any], None], ylabel: str) -> None:
    """One panel an item; they share their y axis if it has a name."""
    across = min(_ACROSS, len(items))
    down = math.ceil(len(items) / across)
    figure = Figure(figsize=(_WIDE * across, _HIGH * down), dpi=_DPI, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharey=bool(ylabel)).ravel()
    for panel, item in zip(panels, items, strict=False):
        draw(panel, item)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(items) :]:
        panel.set_axis_off()
    for panel in panels[::across]:
        panel.set_ylabel(ylabel)
    write_whole(path, FigureCanvasAgg(figure).print_png)


def _curve(axes: Axes, curve: Curve) -> None:
    points = [point for point in curve.points if not point.note]
    values = [point.value for point in points]
    numbers = not isinstance(curve.centre, str | bool)
    places = values if numbers else list(range(len(values)))
    reference = next(point.auroc for point in points if point.value == curve.centre)
    shaded = [place for place, value in zip(places, values, strict=True) if value in curve.plateau]
    if numbers:
        axes.axvspan(min(shaded), max(shaded), color=SHADE, lw=0)
    else:
        for place in shaded:
            axes.axvspan(place - 0.4, place + 0.4, color=SHADE, lw=0)
    axes.axhline(100 * reference, color="0.6", lw=0.8, ls="--")
    _errorbar(axes, places, points, reference, color=ACCENT, marker="o", lw=1.2 if numbers else 0)
    apart = [point for point in curve.points if point.note]
    if apart:
        _errorbar(axes, [point.value for point in apart], apart, reference, color=QUIET, marker="D", lw=0)
    if numbers:
        _spread_out(axes, [float(value) for value in (*values, *(point.value for point in apart))])
    else:
        axes.set_xticks(places, labels(values), rotation=20, ha="right", fontsize=8)
    _title(axes, curve.parameter)


def _errorbar(axes: Axes, places: list[Any], points: list[Point], reference: float, **style: Any) -> None:
    """The interval is of the difference to the reference, around that."""
    heights = [100 * point.auroc for point in points]
    ends = [[100 * (reference + end) for end in point.interval] for point in points]
    below = [max(0.0, height - low) for height, (low, _) in zip(heights, ends, strict=True)]
    above = [max(0.0, high - height) for height, (_, high) in zip(heights, ends, strict=True)]
    axes.errorbar(places, heights, yerr=[below, above], ms=4, elinewidth=1, capsize=2, **style)


def _means(axes: Axes, means: Any) -> None:
    for place, level in enumerate(means.levels):
        low, high = level.interval
        axes.plot([place, place], [100 * low, 100 * high], color=ACCENT, lw=1.4)
        axes.plot(place, 100 * level.auroc, "o", color=ACCENT, ms=5)
    axes.set_xticks(
        range(len(means.levels)), labels([level.value for level in means.levels]), fontsize=8, rotation=20, ha="right"
    )
    axes.margins(x=0.2)
    _title(axes, means.parameter + (f"\nwhere {means.where}" if means.where else ""))


def _heat(axes: Axes, pair: Any) -> None:
    cells = np.array([[np.nan if value is None else 100 * value for value in line] for line in pair.auroc])
    axes.imshow(cells, cmap=_HEAT, aspect="auto")
    middle = (np.nanmin(cells) + np.nanmax(cells)) / 2
    for (row, column), value in np.ndenumerate(cells):
        if not np.isnan(value):
            colour = "white" if value > middle else "#1d2530"
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(pair.second_levels)), labels(pair.second_levels), fontsize=8)
    axes.set_yticks(range(len(pair.first_levels)), labels(pair.first_levels), fontsize=8)
    axes.set_xlabel(pair.second, fontsize=9)
    _title(axes, f"{pair.first} (down) × {pair.second}")


def _importance(axes: Axes, branch: Any) -> None:
    for place, each in enumerate(branch.ped_anova):
        low, high = each.interval
        axes.barh(place, 100 * each.share, color=ACCENT, height=0.6)
        axes.plot([100 * low, 100 * high], [place, place], color="#1d2530", lw=1.2)
    axes.set_yticks(range(len(branch.ped_anova)), [each.parameter for each in branch.ped_anova], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("share, %", fontsize=9)
    _title(axes, branch.where or "all trials")


def _title(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")


def _spread_out(axes: Axes, values: list[float]) -> None:
    kind = scale(values)
    if kind == "log":
        axes.set_xscale("log")
    elif kind == "complement":
        axes.set_xscale("function", functions=(lambda x: -np.log10(np.maximum(1 - x, 1e-12)), lambda y: 1 - 10.0**-y))
        axes.set_xticks(values, labels(values), fontsize=8)
