"""Pictures of one configuration's scores: ROC curve, histogram, gallery.

Drawn at the width in which MLflow previews a picture (about 800 px), without pyplot's global state, so that a thread
may draw while others do.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coftad.types import Images

Labelled = tuple[NDArray[np.float64], NDArray[np.int8]]
"""Scores (S,) and labels (S,) of one episode; 1 = anomalous, higher scores are more anomalous."""

NORMAL, ANOMALOUS = "#0072b2", "#d55e00"  # tell apart with any colour vision (Okabe and Ito)
_DPI = 100
_GRID = np.linspace(0, 1, 101)
_RESAMPLES = 200  # of the bootstrap band: enough for a 95 % band to look smooth, 15 ms
_ACROSS = 8  # pictures in a row of the gallery


def roc_points(
    scores: NDArray[np.float64], labels: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates, (T + 1,) each, from (0, 0) to (1, 1). Equal scores are one step, so that the
    trapezoids under the points are the AUROC. Raises ValueError unless both labels occur."""
    order = np.argsort(-scores, kind="stable")
    positive = labels[order] == 1
    if positive.all() or not positive.any():
        raise ValueError("a ROC curve needs normal and anomalous images")
    last_of_equals = np.r_[np.flatnonzero(np.diff(scores[order])), len(scores) - 1]
    true = np.r_[0, np.cumsum(positive)[last_of_equals]]
    false = np.r_[0, np.cumsum(~positive)[last_of_equals]]
    return false / false[-1], true / true[-1]


def standardise(scores: NDArray[np.float64], labels: NDArray[np.int8]) -> NDArray[np.float64]:
    """Scores (S,) in standard deviations from the mean of the normal images: comparable over episodes, whose
    networks and hence scales differ."""
    normal = scores[labels == 0]
    spread = float(normal.std()) if len(normal) else 0.0
    return (scores - (normal.mean() if len(normal) else 0.0)) / (spread or 1.0)


def roc(path: Path, episodes: Sequence[Labelled], title: str) -> None:
    """ROC curve. One episode: with a 95 % bootstrap band. Several: each thin, and their mean ± standard deviation."""
    curves = [_on_grid(*roc_points(scores, labels)) for scores, labels in episodes]
    areas = [_area(*roc_points(scores, labels)) for scores, labels in episodes]
    figure = Figure(figsize=(6.4, 6.4), dpi=_DPI)
    axes = figure.add_axes((0.1, 0.085, 0.82, 0.82))  # fixed places: a layout engine costs as much as the drawing
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--", label="chance")
    if len(episodes) == 1:
        low, high = _bootstrap_band(*episodes[0])
        band, text = "95 % bootstrap band", f"AUROC {areas[0]:.3f}"
        middle, label = curves[0], "ROC"
    else:
        for curve in curves:
            axes.plot(_GRID, curve, color=NORMAL, linewidth=0.8, alpha=0.45)
        middle, spread = np.mean(curves, axis=0), np.std(curves, axis=0, ddof=1)
        low, high = np.clip(middle - spread, 0, 1), np.clip(middle + spread, 0, 1)
        band, label = "± 1 standard deviation", f"mean of {len(episodes)} episodes"
        text = f"AUROC {np.mean(areas):.3f} ± {np.std(areas, ddof=1):.3f}"
    axes.fill_between(_GRID, low, high, color=NORMAL, alpha=0.18, linewidth=0, label=band)
    axes.plot(_GRID, middle, color=NORMAL, linewidth=2.2, label=label)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    axes.legend(loc="lower right", frameon=False)
    _head(axes, text, title)
    _save(figure, path)


def score_histogram(path: Path, episodes: Sequence[Labelled], title: str) -> None:
    """Share of the normal and of the anomalous images by score; standardised when there are several episodes."""
    several = len(episodes) > 1
    scores = np.concatenate([standardise(*episode) if several else episode[0] for episode in episodes])
    labels = np.concatenate([episode[1] for episode in episodes])
    low, high = np.quantile(scores, [0.0, 0.99])  # one far outlier would squeeze all else into a bin
    edges = np.linspace(low, high if high > low else low + 1.0, 41)
    clipped = np.clip(scores, edges[0], edges[-1])
    figure = Figure(figsize=(8, 4.2), dpi=_DPI)
    axes = figure.add_axes((0.09, 0.13, 0.89, 0.74))
    for label, name, colour in ((0, "normal", NORMAL), (1, "anomalous", ANOMALOUS)):
        chosen = clipped[labels == label]
        share = np.histogram(chosen, edges)[0] / max(1, len(chosen))
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.35)
        axes.stairs(share, edges, color=colour, linewidth=1.4, label=f"{name} ({len(chosen):,} scores)")
    unit = "score, in standard deviations from the episode's normal images" if several else "score"
    axes.set(xlabel=f"{unit} (highest 1 % in the last bin)", ylabel="share of the class", xlim=(edges[0], edges[-1]))
    axes.legend(frameon=False)
    _head(axes, "Scores by label", title)
    _save(figure, path)


def gallery(
    path: Path,
    scores: NDArray[np.float64],
    labels: NDArray[np.int8],
    images: Images,
    paths: Sequence[str],
    title: str,
) -> None:
    """The 8 highest- and the 8 lowest-scored images, each with score and label.

    scores, labels: (S,). images: (S, 3, H, W). paths: (S,), shown by their last part.
    """
    order = np.argsort(-scores, kind="stable")
    count = min(_ACROSS, len(order))
    figure = Figure(figsize=(9.2, 4.5), dpi=_DPI)
    figure.text(0.012, 0.972, title, fontsize=10, va="top")
    for bottom, heading, rows in ((0.5, "highest scores", order[:count]), (0.0, "lowest scores", order[::-1][:count])):
        tiles = [framed(images[row], int(labels[row])) for row in rows]
        axes = figure.add_axes((0.012, bottom + 0.095, 0.976 * count / _ACROSS, 0.28))
        axes.imshow(np.concatenate(tiles, axis=1), aspect="equal")
        axes.set_axis_off()
        figure.text(0.012, bottom + 0.405, heading, fontsize=10, fontweight="bold", va="center")
        for place, row in enumerate(rows):
            middle = 0.012 + 0.976 * (place + 0.5) / _ACROSS
            name, colour = ("anomalous", ANOMALOUS) if labels[row] else ("normal", NORMAL)
            file = paths[row].rpartition("/")[2]
            figure.text(middle, bottom + 0.078, f"{scores[row]:.2f}", fontsize=9, fontweight="bold", ha="center")
            figure.text(middle, bottom + 0.046, name, fontsize=8, color=colour, ha="center")
            shown = file if len(file) <= 18 else f"…{file[-17:]}"
            figure.text(middle, bottom + 0.017, shown, fontsize=6.5, color="0.45", ha="center", parse_math=False)
    _save(figure, path)


def _area(false: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    return float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))


def _on_grid(false: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """(101,) true positive rates at even false positive rates. Vertical steps are kept at 0, where they matter."""
    last = np.r_[np.diff(false) > 0, True]
    return np.interp(_GRID, false[last], true[last])


def _bootstrap_band(
    scores: NDArray[np.float64], labels: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pointwise 95 % band of the ROC curve over images resampled within each label."""
    generator = np.random.default_rng(0)
    normal, anomalous = scores[labels == 0], scores[labels == 1]
    drawn_labels = np.r_[np.zeros(len(normal), np.int8), np.ones(len(anomalous), np.int8)]
    curves = []
    for _ in range(_RESAMPLES):
        drawn = np.r_[generator.choice(normal, len(normal)), generator.choice(anomalous, len(anomalous))]
        curves.append(_on_grid(*roc_points(drawn, drawn_labels)))
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    return low, high


def framed(image: NDArray[np.uint8], label: int) -> NDArray[np.uint8]:
    """(H', W', 3): the image in a frame of its label's colour, on white, padded to a square."""
    channels, height, width = image.shape
    side = max(height, width)
    frame, gap = max(1, side // 24), max(1, side // 16)
    inner = side + 2 * frame
    colour = (ANOMALOUS if label else NORMAL)[1:]
    tile = np.full((inner + 2 * gap, inner + 2 * gap, channels), 255, np.uint8)
    tile[gap : gap + inner, gap : gap + inner] = [int(colour[place : place + 2], 16) for place in (0, 2, 4)]
    top, left = gap + frame + (side - height) // 2, gap + frame + (side - width) // 2
    tile[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return tile


def _head(axes: Axes, heading: str, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=9, color="0.35")
    axes.figure.text(axes.get_position().x0, 0.985, heading, va="top", fontsize=13, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(path)
