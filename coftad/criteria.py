"""How good a trained network looks without a single label: for whoever has five normal images and no anomalies.

Two criteria let negative augmentation stand in for anomalies: support images that a scorer was not fitted on are told
apart from their own negatively augmented copies. Two more look at the normal images and at the training alone. None is
known to choose well; a sweep with labels shows how well each would have chosen (`tune_runner.study.label_free`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from coftad.embeddings import embed_augmented
from coftad.metrics import Floats, aurocs
from coftad.scorers import Fits
from coftad.seeding import derive, numpy_generator, torch_generator
from coftad.types import Criterion, FineTuning, NegativeView, Scoring
from coftad.views import NEGATIVES

SIGNS: Mapping[Criterion, int] = {"unused_negative": 1, "used_negative": 1, "compactness": 1, "loss": -1}
"""1: higher is better. -1: lower is."""

FOLDS = 5
MOST_LEFT_OUT = 20  # support images; more would cost a noticeable share of a trial
COPIES = 2  # negative ones of each
LAST_STEPS = 5  # one step's loss hangs on its batch
_UNUSED: tuple[NegativeView, ...] = ("cutpaste", "void")


def measure(
    network: nn.Module,
    training: FineTuning,
    scorings: Sequence[Scoring],
    support: Tensor,
    augmented_AKD: Tensor,
    losses: Sequence[float],
    *,
    seed: int,
) -> list[dict[Criterion, float]]:
    """The criteria of every scoring at one point of the trajectory, as far as they exist.

    support: (K, 3, H, W) float, K >= 2. augmented_AKD: their positive views, embedded, as scorers are fitted on.
    losses: of all steps up to here. Images left out and copies depend on `seed` alone, so that configurations compare.
    Absent: `used_negative` where no negative was trained with; `loss` at step 0; both negatives for isolation forests,
    deep or not, whose fits in folds would take a fifth of a trial or more, for PatchCore, which would need the feature
    maps of all views again, and where a fold keeps fewer images than kNN has `neighbours`.
    """
    folds = left_out(len(support), seed=seed)
    drawn = support[torch.from_numpy(np.concatenate(folds)).to(support.device)]

    def embedded(view: NegativeView, copies: int) -> Tensor:
        return embed_augmented(
            network,
            drawn,
            NEGATIVES[view] or _as_it_is,
            n_a=copies,
            normalisation=training.normalisation,
            generator=torch_generator(seed, "criteria", view),
        )

    shared: dict[Criterion, float] = {"compactness": compactness(augmented_AKD)}
    if losses:
        shared["loss"] = float(np.mean(losses[-LAST_STEPS:]))
    found = [dict(shared) for _ in scorings]
    kept = len(support) - max(map(len, folds))
    again = [row for row, scoring in enumerate(scorings) if _fits_again(scoring, kept)]
    if again:
        clean = embedded("none", 1)[0]
        copies = {name: embedded(view, COPIES) for name, view in negatives(training).items()}
        apart = separations([scorings[row] for row in again], augmented_AKD, clean, copies, folds, seed=seed)
        for name, values in apart.items():
            for row, value in zip(again, values, strict=True):
                found[row][name] = float(value)
    return found


def negatives(training: FineTuning) -> dict[Criterion, NegativeView]:
    """What support images are told apart from. Not used in training is the first of CutPaste and void that is not of
    the trained negative's family; so configurations trained with CutPaste are measured against voids, all others
    against CutPaste, and how hard the two are is a part of any comparison between them."""
    trained: NegativeView = training.negative_augmentation if training.lambda_np > 0 else "none"
    found: dict[Criterion, NegativeView] = {
        "unused_negative": next(view for view in _UNUSED if _family(view) != _family(trained))
    }
    if trained != "none":
        found["used_negative"] = trained
    return found


def left_out(count: int, *, seed: int) -> list[NDArray[np.int64]]:
    """At most FOLDS disjoint sets of at most MOST_LEFT_OUT rows in all, drawn from `count` >= 2 support images."""
    drawn = numpy_generator(seed, "criteria").permutation(count)[:MOST_LEFT_OUT]
    return np.array_split(drawn, min(FOLDS, len(drawn)))


def separations(
    scorings: Sequence[Scoring],
    augmented_AKD: Tensor,
    clean_LD: Tensor,
    copies: Mapping[Criterion, Tensor],
    folds: Sequence[NDArray[np.int64]],
    *,
    seed: int,
) -> dict[Criterion, Floats]:
    """AUROC of images left out against their negative copies, (len(scorings),) for each kind of copies; in [0, 1].

    Each fold's scorer is fitted on the augmented images that it keeps. Scores of different fits are not on one scale:
    images and copies are compared within their fold, and every such pair counts the same.
    clean_LD: features of the images left out, in the order of `folds`. copies: of the same, (C, L, D) each.
    """
    by_fold: dict[Criterion, list[Floats]] = {name: [] for name in copies}
    start = 0
    for fold in folds:
        own = slice(start, start + len(fold))
        start = own.stop
        kept = np.setdiff1d(np.arange(augmented_AKD.shape[1]), fold)
        parts = [clean_LD[own], *(each[:, own].flatten(0, 1) for each in copies.values())]
        scores = Fits(scorings, augmented_AKD[:, kept], seed=derive(seed, "scorer")).score(torch.cat(parts))
        normal, *negative = scores.split([len(part) for part in parts], dim=1)
        for name, anomalous in zip(copies, negative, strict=True):
            labels = np.repeat([0, 1], [normal.shape[1], anomalous.shape[1]]).astype(np.int8)
            by_fold[name].append(aurocs(labels, torch.cat([normal, anomalous], 1).numpy()))
    pairs = np.square([len(fold) for fold in folds])
    return {name: np.average(found, axis=0, weights=pairs) for name, found in by_fold.items()}


def compactness(augmented_AKD: Tensor) -> float:
    """Mean cosine of augmented normal embeddings to their mean direction, in [0, 1] (mean resultant length, Mardia and
    Jupp 2000, Section 2.3). It says how tight the normal images lie and nothing of what else lies there: a network
    that maps all images to one point has the highest value."""
    return float(normalize(augmented_AKD, dim=-1).mean((0, 1)).norm())


def _fits_again(scoring: Scoring, kept: int) -> bool:
    """Whether a fold's scorer can be fitted on `kept` images, and at a small share of a trial's time."""
    if scoring.scorer == "knn":
        return scoring.neighbours <= scoring.n_a * kept
    return scoring.scorer == "gaussian"


def _family(view: NegativeView) -> str:
    return view.partition("_")[0]


def _as_it_is(x: Tensor, generator: torch.Generator) -> Tensor:
    return x


__all__ = ["SIGNS", "compactness", "left_out", "measure", "negatives", "separations"]
