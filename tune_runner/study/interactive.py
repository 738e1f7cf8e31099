"""The findings as figures that can be pointed at (plotly). The same as pictures are in `plots.py`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from tune_runner.artifacts import ANOMALOUS, NORMAL, Labelled, standardise
from tune_runner.study.curves import Curve, Point
from tune_runner.study.effects import Effect
from tune_runner.study.plots import ACCENT, QUIET, SHADE, labels, scale
from tune_runner.study.words import chance, spread, text

_LINE = 34  # px that a line of a horizontal plot takes
_BINS = 40


def styled(figure: go.Figure, *, height: int, title: str = "") -> go.Figure:
    """As all figures of the page look. height: px; the width is the reader's."""
    figure.update_layout(
        template="none",
        height=height,
        title={"text": title, "x": 0, "xanchor": "left", "xref": "container", "font": {"size": 14}},
        margin={"l": 10, "r": 16, "t": 12 + 24 * len(title.split("<br>")) if title else 12, "b": 10},
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#1d2530"},
        paper_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"align": "left"},
        dragmode=False,  # a finger on a phone scrolls the page
    )
    figure.update_xaxes(automargin=True, gridcolor="#e6eaef", zeroline=False)
    figure.update_yaxes(automargin=True, gridcolor="#e6eaef", zeroline=False)
    return figure


def effects_figure(effects: Sequence[Effect]) -> go.Figure:
    """Each setting's largest difference with its interval; the accent marks those that are shown."""
    figure = go.Figure()
    order = [f"{each.parameter}<br>{each.better} over {each.worse}" for each in effects][::-1]
    for shown, colour, name in ((True, ACCENT, "shown"), (False, QUIET, "not shown")):
        some = [each for each in effects if each.shown == shown]
        figure.add_scatter(
            x=[100 * each.difference for each in some],
            y=[f"{each.parameter}<br>{each.better} over {each.worse}" for each in some],
            error_x=_bars([(each.difference, each.interval) for each in some], colour),
            mode="markers",
            marker={"color": colour, "size": 9},
            name=name,
            hovertext=[
                f"{spread(each.difference, each.interval)} points{chance(each.p)}, {each.trials} trials"
                for each in some
            ],
            hoverinfo="text",
        )
    figure.add_vline(x=0, line={"color": "#9aa5b1", "width": 1})
    styled(figure, height=90 + round(1.4 * _LINE * len(effects)))
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="difference, points")
    figure.update_yaxes(categoryorder="array", categoryarray=order, showgrid=False)
    return figure


def importance_figures(branches: Sequence[Any]) -> list[go.Figure]:
    """Shares of PED-ANOVA and fANOVA side by side, one figure for each branch that has them."""
    found = []
    for branch in branches:
        figure = go.Figure()
        methods = (("PED-ANOVA", branch.ped_anova, ACCENT), ("fANOVA", branch.fanova, QUIET))
        for name, shares, colour in methods:
            figure.add_bar(
                x=[100 * each.share for each in shares],
                y=[each.parameter for each in shares],
                error_x=_bars([(each.share, each.interval) for each in shares], "#1d2530"),
                orientation="h",
                marker={"color": colour},
                name=name,
                hovertext=[f"{name} {spread(each.share, each.interval)} %" for each in shares],
                hoverinfo="text",
            )
        count = len({each.parameter for _, shares, _ in methods for each in shares})
        if count:
            where = f"{branch.where or 'all trials'}<br>({branch.trials} trials)"  # a phone is narrow
            styled(figure, height=110 + round(1.3 * _LINE * count), title=where)
            figure.update_layout(showlegend=False, barmode="group")
            figure.update_xaxes(title="share of importance, %", rangemode="tozero")
            figure.update_yaxes(autorange="reversed", showgrid=False)
            found.append(figure)
    return found


def curve_figures(curves: Sequence[Curve]) -> list[go.Figure]:
    """AUROC along each setting. Bars: the paired interval of the difference to the dashed line, the reference."""
    found = [_curve(curve) for curve in curves]
    for figure in found:
        figure.update_yaxes(range=_reach(found))  # what is flat beside the others looks flat
    return found


def _reach(figures: Sequence[go.Figure]) -> tuple[float, float]:
    """What an axis must show of all first traces with their bars, and a little room."""
    traces = [figure.data[0] for figure in figures]
    low = min(y - bar for trace in traces for y, bar in zip(trace.y, trace.error_y.arrayminus, strict=True))
    high = max(y + bar for trace in traces for y, bar in zip(trace.y, trace.error_y.array, strict=True))
    room = 0.05 * (high - low) + 0.1
    return low - room, min(100.0, high) + room


def _marks(curve: Curve, points: Sequence[Point], reference: float, colour: str) -> dict[str, Any]:
    ends = [(point.auroc, (reference + point.interval[0], reference + point.interval[1])) for point in points]
    return {
        "y": [100 * point.auroc for point in points],
        "error_y": _bars(ends, colour),
        "line": {"color": colour},
        "marker": {"color": colour, "size": 8},
        "hovertext": [_hover(curve, point) for point in points],
        "hoverinfo": "text",
    }


def _hover(curve: Curve, point: Point) -> str:
    where = f"{text(point.value)}{f', {point.note}' if point.note else ''}"
    unit = "support sets" if point.note else curve.unit
    return (
        f"{where}: {100 * point.auroc:.1f} %<br>{spread(point.difference, point.interval)} points "
        f"against {text(curve.centre)}<br>better in {point.better_in} of {point.of} {unit}"
    )


def _curve(curve: Curve) -> go.Figure:
    points = [point for point in curve.points if not point.note]
    apart = [point for point in curve.points if point.note]
    reference = next(point.auroc for point in points if point.value == curve.centre)
    values = [point.value for point in points]
    numbers = not isinstance(curve.centre, str | bool)
    kind = scale([*values, *(point.value for point in apart)]) if numbers else "category"
    even = kind in ("category", "complement")  # plotly has no scale for values close to 1
    figure = go.Figure()
    mode = "lines+markers" if numbers else "markers"
    figure.add_scatter(x=labels(values) if even else values, mode=mode, **_marks(curve, points, reference, ACCENT))
    if apart:
        figure.add_scatter(x=[point.value for point in apart], mode="markers", **_marks(curve, apart, reference, QUIET))
    figure.add_hline(y=100 * reference, line={"color": QUIET, "width": 1, "dash": "dash"})
    styled(figure, height=280, title=curve.parameter)
    figure.update_layout(showlegend=False)
    figure.update_yaxes(title="search AUROC, %")
    figure.update_xaxes(type="category" if even else kind)
    if not even and len(curve.plateau) > 1:
        figure.add_vrect(curve.plateau[0], curve.plateau[-1], fillcolor=SHADE, line={"width": 0}, layer="below")
    return figure


def means_figures(means: Sequence[Any]) -> list[go.Figure]:
    """Mean AUROC of each level of each setting, with its interval."""
    found = []
    for each in means:
        figure = go.Figure()
        figure.add_scatter(
            x=labels([level.value for level in each.levels]),
            y=[100 * level.auroc for level in each.levels],
            error_y=_bars([(level.auroc, level.interval) for level in each.levels], ACCENT),
            mode="markers",
            marker={"color": ACCENT, "size": 9},
            hovertext=[f"{spread(level.auroc, level.interval)} %, {level.trials} trials" for level in each.levels],
            hoverinfo="text",
        )
        styled(figure, height=260, title=each.parameter + (f"<br>where {each.where}" if each.where else ""))
        figure.update_xaxes(type="category")
        figure.update_yaxes(title="search AUROC, %")
        found.append(figure)
    for figure in found:
        figure.update_yaxes(range=_reach(found))
    return found


def interaction_figures(interactions: Sequence[Any]) -> list[go.Figure]:
    """Mean AUROC of each pair of levels, with the numbers in the cells."""
    found = []
    for pair in interactions:
        cells = [[None if value is None else 100 * value for value in line] for line in pair.auroc]
        figure = go.Figure(
            go.Heatmap(
                z=cells,
                x=labels(pair.second_levels),
                y=labels(pair.first_levels),
                text=[["" if value is None else f"{value:.1f}" for value in line] for line in cells],
                texttemplate="%{text}",
                customdata=pair.trials,
                hovertemplate="%{y}, %{x}: %{z:.1f} %, %{customdata} trials<extra></extra>",
                colorscale=[[0, "#f4f7fb"], [1, ACCENT]],
                showscale=False,
            )
        )
        title = f"{pair.first} × {pair.second}<br>{spread(pair.share, pair.interval)} % of the variance"
        styled(figure, height=max(300, 180 + 44 * len(pair.first_levels)), title=title)
        figure.update_xaxes(type="category", title=pair.second, showgrid=False)
        figure.update_yaxes(type="category", title=pair.first, showgrid=False)
        found.append(figure)
    return found


def scores_figure(episodes: Sequence[Labelled]) -> go.Figure:
    """How the scores of normal and of anomalous images lie; standardised where there are several episodes."""
    several = len(episodes) > 1
    scores = np.concatenate([standardise(*episode) if several else episode[0] for episode in episodes])
    kinds = np.concatenate([episode[1] for episode in episodes])
    low, high = np.quantile(scores, [0.0, 0.99])  # one far outlier would squeeze all else into a bin
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    clipped = np.clip(scores, edges[0], edges[-1])
    figure = go.Figure()
    for kind, name, colour in ((0, "normal", NORMAL), (1, "anomalous", ANOMALOUS)):
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=_share(clipped[kinds == kind], edges),
            name=f"{name} ({np.count_nonzero(kinds == kind):,})",
            marker={"color": colour},
            opacity=0.6,
            hovertemplate="%{x:.2f}: %{y:.1f} %",
        )
    styled(figure, height=320)
    figure.update_layout(barmode="overlay", bargap=0, legend={"orientation": "h", "y": 1.1})
    figure.update_xaxes(title="score, standardised" if several else "score")
    figure.update_yaxes(title="share of the class, %")
    return figure


def _share(scores: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(100 * np.histogram(scores, edges)[0] / max(1, len(scores)))


def _bars(values: Sequence[tuple[float, Any]], colour: str) -> dict[str, Any]:
    """Plotly's error bars, in percent, from (value, (low, high))."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, 100 * (high - value)) for value, (_, high) in values],
        "arrayminus": [max(0.0, 100 * (value - low)) for value, (low, _) in values],
        "color": colour,
        "thickness": 1.4,
        "width": 3,
    }
