"""Figure 5: the support set, and test images from the most normal to the most anomalous, as several networks see them.

Each test image has its normalised score under each network: its percentile among all test images (Section V.A).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from coftad.metrics import Floats
from coftad.types import Images
from tune_runner.artifacts import ANOMALOUS, NORMAL, framed

ACROSS = 8  # pictures in a row
_DPI = 150
_WIDTH, _MARGIN, _TILE = 9.6, 1.42, 1.0  # inches: of all, left of the pictures, of one picture
_HEAD, _LINE, _GAP = 0.3, 0.15, 0.12  # inches: of a row's heading, of a line of text, below a row


@dataclass(frozen=True, eq=False)
class Band:
    """One row of pictures. rows: of the image set. percentiles: (methods, len(rows)), None of the support set."""

    heading: str
    rows: NDArray[np.int64]
    percentiles: Floats | None = None


def percentiles(scores_MT: Floats) -> Floats:
    """(M, T) in 0-100: of each score the share of all T scores of its method that lie below it, with half of those that
    are equal, itself among them."""
    return 100 * (rankdata(scores_MT, axis=1) - 0.5) / scores_MT.shape[1]


def bands(
    support: NDArray[np.int64], test: NDArray[np.int64], labels: NDArray[np.int8], percentiles_MT: Floats
) -> list[Band]:
    """The rows of Figure 5, ordered by the last method. support, test: rows of the image set. labels: (T,).

    Of more than ACROSS anomalous images those at even ranks are shown, the lowest and the highest among them.
    """
    order = np.argsort(percentiles_MT[-1], kind="stable")
    normal, anomalous = order[labels[order] == 0], order[labels[order] == 1]
    half = len(normal) // 2
    even = np.linspace(0, len(anomalous) - 1, min(ACROSS, len(anomalous))).round().astype(int)
    chosen = {
        "Test, normal: lowest scores": normal[: min(ACROSS, len(normal) - half)],
        "Test, normal: highest scores (false alarms)": normal[::-1][: min(ACROSS, half)],
        "Test, anomalous: from the lowest score (missed) to the highest": anomalous[even],
    }
    found = [Band(f"Support set: the {len(support)} images trained on", support[:ACROSS])]
    found += [Band(name, test[at], percentiles_MT[:, at]) for name, at in chosen.items() if len(at)]
    return found


def draw(rows: Sequence[Band], methods: Sequence[str], images: Images, labels: NDArray[np.int8]) -> Figure:
    """images, labels: of the whole image set. One axes for each row, its title the heading."""
    heights = [_height(band, len(methods)) for band in rows]
    total = sum(heights)
    figure = Figure(figsize=(_WIDTH, total), dpi=_DPI)
    top = total
    for band, height in zip(rows, heights, strict=True):
        _band(figure, band, methods, images, labels, top - _HEAD, total)
        top -= height
    return figure


def _height(band: Band, methods: int) -> float:
    return _HEAD + _TILE + (0 if band.percentiles is None else _LINE * methods) + _GAP


def _band(
    figure: Figure,
    band: Band,
    methods: Sequence[str],
    images: Images,
    labels: NDArray[np.int8],
    top: float,
    total: float,
) -> None:
    """top: of the pictures, in inches from the foot of the figure, which is `total` high."""
    count = len(band.rows)
    axes = figure.add_axes((_MARGIN / _WIDTH, (top - _TILE) / total, count * _TILE / _WIDTH, _TILE / total))
    axes.imshow(np.concatenate([framed(images[row], int(labels[row])) for row in band.rows], axis=1), aspect="auto")
    axes.set_axis_off()
    axes.set_title(band.heading, loc="left", fontsize=9.5, fontweight="bold", pad=4)
    if band.percentiles is None:
        return
    for line, (method, values) in enumerate(zip(methods, band.percentiles, strict=True)):
        last = line == len(methods) - 1
        style: dict[str, Any] = {"fontsize": 8, "va": "center", "fontweight": "bold" if last else "normal"}
        height = (top - _TILE - _LINE * (line + 0.5)) / total
        figure.text((_MARGIN - 0.08) / _WIDTH, height, method, ha="right", color="0.25", **style)
        for place, (row, value) in enumerate(zip(band.rows, values, strict=True)):
            colour = ANOMALOUS if labels[row] else NORMAL
            middle = (_MARGIN + _TILE * (place + 0.5)) / _WIDTH
            figure.text(middle, height, f"{value:.0f}", ha="center", color=colour if last else "0.35", **style)
