"""Pictures of a study's answers, for the report and for MLflow."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tune_runner.journal import write_whole
from tune_runner.study.curves import Curve

_ACROSS = 3
_WIDE, _HIGH, _DPI = 3.6, 2.7, 110  # inches of one panel
_COLOUR, _PLATEAU = "#2457a6", "#dce8f7"


def draw_curves(curves: Sequence[Curve], path: Path) -> None:
    """AUROC along each setting. Bars: the paired interval of the difference to the reference, which is the line. The
    shade: the values that are not shown to be worse than the best one."""
    across = min(_ACROSS, len(curves))
    down = math.ceil(len(curves) / across)
    figure = Figure(figsize=(_WIDE * across, _HIGH * down), dpi=_DPI, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for panel, curve in zip(panels, curves, strict=False):
        _draw(panel, curve)
    for panel in panels[len(curves) :]:
        panel.set_axis_off()
    for panel in panels[::across]:
        panel.set_ylabel("search AUROC, %")
    write_whole(path, FigureCanvasAgg(figure).print_png)


def _draw(axes: Axes, curve: Curve) -> None:
    values = [point.value for point in curve.points]
    numbers = not isinstance(curve.centre, str | bool)
    places = values if numbers else list(range(len(values)))
    height = [100 * point.auroc for point in curve.points]
    reference = next(point.auroc for point in curve.points if point.value == curve.centre)
    below = [max(0.0, h - 100 * (reference + point.interval[0])) for h, point in zip(height, curve.points, strict=True)]
    above = [max(0.0, 100 * (reference + point.interval[1]) - h) for h, point in zip(height, curve.points, strict=True)]
    shaded = [place for place, value in zip(places, values, strict=True) if value in curve.plateau]
    margin = 0 if numbers else 0.4
    if numbers:
        axes.axvspan(min(shaded), max(shaded), color=_PLATEAU, lw=0)
    else:
        for place in shaded:
            axes.axvspan(place - margin, place + margin, color=_PLATEAU, lw=0)
    axes.axhline(100 * reference, color="0.6", lw=0.8, ls="--")
    axes.errorbar(
        places, height, yerr=[below, above], color=_COLOUR, marker="o", ms=4, lw=1.2 if numbers else 0, elinewidth=1,
        capsize=2,
    )  # fmt: skip
    if numbers:
        _spread_out(axes, [float(value) for value in values])
    else:
        axes.set_xticks(places, [str(value) for value in values], rotation=20, ha="right", fontsize=8)
    axes.set_title(curve.parameter, loc="left", fontsize=10, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)


def _spread_out(axes: Axes, values: list[float]) -> None:
    """A scale on which the values, which were laid out evenly on their own, lie about evenly."""
    if min(values) > 0 and max(values) / min(values) > 20:
        axes.set_xscale("log")
    elif 0.5 < min(values) < max(values) < 1 and (1 - min(values)) / (1 - max(values)) > 20:
        axes.set_xscale("function", functions=(lambda x: -np.log10(np.maximum(1 - x, 1e-12)), lambda y: 1 - 10.0**-y))
        axes.set_xticks(values, [f"{value:.4g}" for value in values], fontsize=8)
