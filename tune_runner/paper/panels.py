"""Panels of one size in a grid, lettered as the paper's."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

_ACROSS = 2
_WIDE, _DPI = 4.6, 150  # inches of one panel
_LAYOUT = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)  # inches around a panel


def grid(count: int, *, height: float) -> tuple[Figure, list[Axes]]:
    """`count` axes, two in a row. height: inches of one."""
    across = min(_ACROSS, count)
    down = math.ceil(count / across)
    figure = Figure(figsize=(_WIDE * across, height * down + 0.35), dpi=_DPI, layout=_LAYOUT)
    places = figure.subplots(down, across, squeeze=False).ravel()
    for place in places[count:]:
        place.set_axis_off()
    return figure, list(places[:count])


def heading(axes: Axes, number: int, name: str, told: str) -> None:
    axes.set_title(f"{chr(ord('a') + number)}) {name}\n{told}", loc="left", fontsize=9.5)
