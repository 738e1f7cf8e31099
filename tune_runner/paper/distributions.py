"""Figure 7: how the scores of normal and of anomalous images are distributed, and how much of the two overlaps.

The overlap is the area that both histograms share (the overlapping coefficient of Inman & Bradley 1989): 1 for equal
ones, 0 for ones that do not meet. What is shaded in the picture is the number, as both come from the same bins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coftad.metrics import Floats, interval
from coftad.seeding import numpy_generator
from tune_runner.artifacts import ANOMALOUS, NORMAL
from tune_runner.paper.panels import grid, heading
from tune_runner.study.words import spread

Counts = NDArray[np.int64]

_RESAMPLES = 1000
_TAIL = 0.01  # of the images, which the last bin takes: one far outlier would squeeze all else into a bin


@dataclass(frozen=True, eq=False)
class Overlap:
    """edges: (B + 1,) of the bins; scores above the last are in the last bin. shares: (2, B) of the normal and of the
    anomalous images, each summing to 1. value: their shared area. interval: 95 %, bootstrap over images, bins as they
    are. of_one: what the same images with their labels shuffled would share, on average: below 1 where they are few."""

    edges: Floats
    shares: Floats
    value: float
    interval: tuple[float, float]
    of_one: float


def overlap(labels: NDArray[np.int8], scores: Floats, *, seed: int) -> Overlap:
    """labels, scores: (N,), both labels present.

    The number of bins is Sturges's for the smaller class, log2(n) + 1. Many bins with few images in each would find
    a difference where there is none; `of_one` says how much of that is left.
    """
    edges = _edges(labels, scores)
    clipped = np.clip(scores, edges[0], edges[-1])
    normal, anomalous = (np.histogram(clipped[labels == label], edges)[0] for label in (0, 1))
    generator = numpy_generator(seed, "figure7")
    again = [generator.multinomial(each.sum(), each / each.sum(), size=_RESAMPLES) for each in (normal, anomalous)]
    shuffled = generator.multivariate_hypergeometric(normal + anomalous, anomalous.sum(), size=_RESAMPLES)
    return Overlap(
        edges,
        np.stack([normal / normal.sum(), anomalous / anomalous.sum()]),
        float(_shared(normal, anomalous)),
        interval(_shared(*again)),
        float(_shared(normal + anomalous - shuffled, shuffled).mean()),
    )


def _shared(normal_RB: Counts, anomalous_RB: Counts) -> Floats:
    """(R,) of counts in bins."""
    shares = [counts / counts.sum(-1, keepdims=True) for counts in (normal_RB, anomalous_RB)]
    return np.minimum(*shares).sum(-1)


@dataclass(frozen=True, eq=False)
class Panel:
    """auroc: of the same images."""

    title: str
    overlap: Overlap
    auroc: float


def draw(panels: Sequence[Panel]) -> Figure:
    figure, axes = grid(len(panels), height=3.0)
    for number, (place, panel) in enumerate(zip(axes, panels, strict=True)):
        _histograms(place, panel.overlap)
        told = f"AUROC {100 * panel.auroc:.1f} %, overlap {spread(panel.overlap.value, panel.overlap.interval)} %"
        heading(place, number, panel.title, told)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _histograms(axes: Axes, found: Overlap) -> None:
    for share, name, colour in zip(found.shares, ("normal", "anomalous"), (NORMAL, ANOMALOUS), strict=True):
        axes.stairs(100 * share, found.edges, fill=True, color=colour, alpha=0.3)
        axes.stairs(100 * share, found.edges, color=colour, linewidth=1.6, label=name)
    axes.stairs(
        100 * found.shares.min(0), found.edges, fill=True, facecolor="none", hatch="////", edgecolor="0.3",
        linewidth=0, label="shared area",
    )  # fmt: skip
    axes.set(xlabel="anomaly score", ylabel="share of the class, %", xlim=(found.edges[0], found.edges[-1]))
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)


def _edges(labels: NDArray[np.int8], scores: Floats) -> Floats:
    count = math.ceil(math.log2(min(np.bincount(labels, minlength=2))) + 1)
    low, high = np.quantile(scores, [0.0, 1 - _TAIL])
    return np.linspace(low, high if high > low else low + 1.0, max(2, count) + 1)
