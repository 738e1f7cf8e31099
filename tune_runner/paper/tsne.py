"""Figure 6: the embeddings of test images over the ablation, projected by t-SNE (van der Maaten & Hinton 2008).

t-SNE keeps neighbourhoods and not distances, so every panel comes with a number from the space before projection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from coftad.embeddings import embed
from coftad.finetune import finetune
from coftad.metrics import Floats, interval, resample
from coftad.seeding import derive, numpy_generator
from coftad.types import Episode, FineTuning
from tune_runner.artifacts import ANOMALOUS, NORMAL
from tune_runner.paper.panels import grid, heading
from tune_runner.plan import Prepared
from tune_runner.reproduce import device
from tune_runner.study.words import percent

LIMIT = 1500  # images, the paper's (Section V.B)
PERPLEXITY = 30.0  # scikit-learn's default; of so few images that it cannot be, a third of them
NEIGHBOURS = 10
_SUPPORT: dict[str, Any] = {"marker": "*", "s": 110, "c": "#f0e442", "edgecolors": "black", "linewidths": 0.9}
_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Embedded:
    """test: (T, D) float64, in the order of the episode's `test_rows`. support: (K, D). Not normalised."""

    test: Floats
    support: Floats


def test_embeddings(prepared: Prepared, training: FineTuning, steps: int, episode: int) -> Embedded:
    """Fine-tune again and embed; with the threads of the recorded trial (`coftad.devices.repeatable`) the same bits
    that were scored. episode: its place in `prepared.episodes`. Raises what `coftad.trial.run` does."""
    drawn, where = prepared.episodes[episode], device(prepared.spec)
    state = prepared.weights[training.backbone].state
    [(_, network)] = finetune(
        drawn.train, training, state, points=[steps], seed=drawn.seed, device=where, on_step=lambda *_: None
    )
    scored = drawn.scored_rows  # all of them, as the trial does: rounding may depend on what shares a batch
    images = prepared.image_set.images[scored]
    features = embed(network, images, normalisation=training.normalisation, device=where).numpy()
    support = embed(network, drawn.train, normalisation=training.normalisation, device=where).numpy()
    return Embedded(features[np.searchsorted(scored, drawn.test_rows)], support)


def sample(episode: Episode, *, seed: int) -> NDArray[np.int64]:
    """Places in `test_rows`, ascending: all, or LIMIT drawn at random, as the paper's."""
    count = len(episode.test_rows)
    if count <= LIMIT:
        return np.arange(count)
    return np.sort(numpy_generator(seed, "figure6", "images").choice(count, LIMIT, replace=False))


def unit(features_ND: Floats) -> Floats:
    """Each of length 1, as the scorer sees them."""
    return features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)


def project(features_ND: Floats, *, seed: int) -> Floats:
    """(N, 2). On one thread, since sums depend on how they are split: the same input gives the same bits."""
    model = TSNE(perplexity=perplexity(len(features_ND)), init="pca", random_state=derive(seed, "tsne") % 2**32)
    with threadpool_limits(limits=1):
        return np.asarray(model.fit_transform(features_ND), dtype=np.float64)


def perplexity(count: int) -> float:
    return min(PERPLEXITY, (count - 1) / 3)


@dataclass(frozen=True)
class Alike:
    """How separate two labels are: the share of an image's `neighbours` nearest images that have its label, averaged
    within each label and then over both, so that 0.5 is chance whatever their numbers. interval: 95 %, bootstrap over
    images, each with the neighbours that it has."""

    value: float
    interval: tuple[float, float]
    neighbours: int


def alike(features_ND: Floats, labels: NDArray[np.int8], *, seed: int) -> Alike:
    """NEIGHBOURS of them, or as many as there are others of the smaller label, if that is less."""
    neighbours = max(1, min(NEIGHBOURS, int(np.bincount(labels, minlength=2).min()) - 1))
    nearest = NearestNeighbors(n_neighbors=neighbours).fit(features_ND).kneighbors(return_distance=False)
    share = (labels[nearest] == labels[:, None]).mean(1)

    def average(counts_RN: Floats) -> Floats:
        each = [counts_RN[:, rows] @ share[rows] / rows.sum() for rows in (labels == 0, labels == 1)]
        return np.mean(each, axis=0)

    samples = average(resample(labels, seed=seed, resamples=_RESAMPLES))
    return Alike(float(average(np.ones((1, len(labels))))[0]), interval(samples), neighbours)


@dataclass(frozen=True, eq=False)
class Panel:
    """test: (N, 2) and support: (K, 2), projected together. labels: (N,)."""

    title: str
    test: Floats
    support: Floats
    labels: NDArray[np.int8]
    auroc: float
    alike: Alike


def draw(panels: Sequence[Panel], *, seed: int) -> Figure:
    figure, axes = grid(len(panels), height=4.5)
    colours = np.array([NORMAL, ANOMALOUS])
    for number, (place, panel) in enumerate(zip(axes, panels, strict=True)):
        order = numpy_generator(seed, "figure6", "order").permutation(len(panel.test))  # neither label on top
        x, y = panel.test[order].T
        place.scatter(x, y, c=colours[panel.labels[order]], s=9, alpha=0.65, linewidths=0)
        place.scatter(panel.support[:, 0], panel.support[:, 1], **_SUPPORT)
        told = f"AUROC {percent(panel.auroc)} %, like neighbours {percent(panel.alike.value)} %"
        heading(place, number, panel.title, told)
        place.set(xticks=[], yticks=[])
        place.set_box_aspect(1)
        place.set_aspect("equal", adjustable="datalim")
    axes[0].scatter([], [], label="normal", c=NORMAL, s=20)
    axes[0].scatter([], [], label="anomalous", c=ANOMALOUS, s=20)
    axes[0].scatter([], [], label="support set", **_SUPPORT)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
