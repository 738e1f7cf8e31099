"""How good a trained network looks without a single label: for whoever has five normal images and no anomalies.

Two criteria let negative augmentation stand in for anomalies: support images that a scorer was not fitted on are told
apart from their own negatively augmented copies. Two more look at the normal images and at the training alone. None is
known to choose well; a sweep with labels shows how well each would have chosen (`tune_runner.study.label_free`).
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from coftad.embeddings import SeeMaps, embed_augmented
from coftad.metrics import Floats, aurocs
from coftad.scorers import SCORERS, Fits, patchcore
from coftad.seeding import derive, numpy_generator, torch_generator
from coftad.types import Criterion, FineTuning, NegativeView, ScorerName, Scoring
from coftad.views import NEGATIVES

SIGNS: Mapping[Criterion, int] = {"unused_negative": 1, "used_negative": 1, "compactness": 1, "loss": -1}
"""1: higher is better. -1: lower is."""

FOLDS = 5
MOST_LEFT_OUT = 20  # support images; more would cost a noticeable share of a trial
COPIES = 2  # negative ones of each
LAST_STEPS = 5  # one step's loss hangs on its batch
COSTLY: Collection[ScorerName] = ("isolation_forest", "deep_isolation_forest", "patchcore")
"""Scorers whose fits in folds take a noticeable share of a trial, 15, 30 and 17 % of one with 10 shots at 64 px that is
trained with voids (benchmarks/criteria.py): for those who choose by what they give."""

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
    gathering: patchcore.Gathering | None = None,
    costly: bool = True,
) -> list[dict[Criterion, float]]:
    """The criteria of every scoring at one point of the trajectory, as far as they exist.

    support: (K, 3, H, W) float, K >= 2. augmented_AKD: their positive views, embedded, as scorers are fitted on.
    losses: of all steps up to here. gathering: the patches of the views, needed for the negatives of PatchCore. Images
    left out and copies depend on `seed` alone, so that configurations compare, and every scorer is fitted on the same
    folds, so that scorers do. costly: whether those of COSTLY are wanted.
    Absent: `used_negative` where no negative was trained with; `loss` at step 0; both negatives where a fold keeps
    fewer images than kNN has `neighbours`, of COSTLY scorers unless asked for, and of PatchCore without `gathering`.
    """
    folds = left_out(len(support), seed=seed)
    drawn = support[torch.from_numpy(np.concatenate(folds)).to(support.device)]

    def embedded(view: NegativeView, copies: int, see: SeeMaps | None) -> Tensor:
        return embed_augmented(
            network,
            drawn,
            NEGATIVES[view] or _as_it_is,
            n_a=copies,
            normalisation=training.normalisation,
            generator=torch_generator(seed, "criteria", view),
            see=see,
        )

    shared: dict[Criterion, float] = {"compactness": compactness(augmented_AKD)}
    if losses:
        shared["loss"] = float(np.mean(losses[-LAST_STEPS:]))
    found = [dict(shared) for _ in scorings]
    kept = len(support) - max(map(len, folds))
    views: dict[Criterion | None, tuple[NegativeView, int]] = {None: ("none", 1)}  # as they are, and negative copies
    views |= {name: (view, COPIES) for name, view in negatives(training).items()}
    wanted = [row for row, scoring in enumerate(scorings) if costly or scoring.scorer not in COSTLY]
    again = [row for row in wanted if _fits_again(scorings[row], kept)]
    patched = [row for row in wanted if scorings[row].scorer == "patchcore" and gathering is not None]
    if not again and not patched:
        return found
    banks = Banks(gathering, {scorings[row].n_a for row in patched}, folds, seed) if patched and gathering else None
    features, of_patches = {}, {}
    for name, (view, copies) in views.items():
        features[name] = embedded(view, copies, banks.see if banks else None)
        of_patches[name] = banks.scores() if banks else {}

    def keep(rows: Sequence[int], apart: Mapping[Criterion, Floats]) -> None:
        for name, values in apart.items():
            for row, value in zip(rows, values, strict=True):
                found[row][name] = float(value)

    clean = features.pop(None)[0]
    if again:
        negative = {name: copies for name, copies in features.items() if name is not None}
        keep(again, separations([scorings[row] for row in again], augmented_AKD, clean, negative, folds, seed=seed))
    if patched:
        by_row = {name: torch.stack([each[scorings[row].n_a] for row in patched]) for name, each in of_patches.items()}
        keep(patched, _apart(by_row.pop(None), {name: each for name, each in by_row.items() if name}, folds))
    return found


class Banks:
    """PatchCore fitted once for each fold, on the candidates that are of no image left out; its scores of those."""

    def __init__(
        self, gathering: patchcore.Gathering, n_as: Collection[int], folds: Sequence[NDArray[np.int64]], seed: int
    ) -> None:
        self._fold = torch.from_numpy(np.repeat(np.arange(len(folds)), [len(fold) for fold in folds]))
        self._banks: dict[tuple[int, int], patchcore.Bank] = {}
        self._scores: dict[int, list[Tensor]] = {n_a: [] for n_a in n_as}
        self._passed = 0
        for n_a in n_as:
            candidates, origins = gathering.candidates(n_a), gathering.origins(n_a)
            for number, fold in enumerate(folds):
                kept = ~torch.isin(origins, torch.from_numpy(fold))
                bank = patchcore.bank(candidates[kept.to(candidates.device)], derive(seed, "scorer"))
                self._banks[n_a, number] = bank

    def see(self, layer2: Tensor, layer3: Tensor) -> None:
        """Score the next images, copy after copy of all that were left out, each by the bank of its fold."""
        patches = patchcore.patches(layer2, layer3)
        places = torch.arange(self._passed, self._passed + len(patches)) % len(self._fold)
        self._passed += len(patches)
        for n_a, parts in self._scores.items():
            scores = torch.empty(len(patches), dtype=torch.float64)
            for number in self._fold[places].unique().tolist():
                chosen = self._fold[places] == number
                scores[chosen] = patchcore.score(self._banks[n_a, number], patches[chosen.to(patches.device)])
            parts.append(scores)

    def scores(self) -> dict[int, Tensor]:
        """(C, L) of what was seen since the last call, by n_a."""
        done = {n_a: torch.cat(parts).unflatten(0, (-1, len(self._fold))) for n_a, parts in self._scores.items()}
        self._scores, self._passed = {n_a: [] for n_a in self._scores}, 0
        return done


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


def _apart(
    clean_R1L: Tensor, copies: Mapping[Criterion, Tensor], folds: Sequence[NDArray[np.int64]]
) -> dict[Criterion, Floats]:
    """As `separations`, of scores: copies are (R, C, L) each, all in the order of `folds`."""
    ends = np.cumsum([len(fold) for fold in folds])
    by_fold: dict[Criterion, list[Floats]] = {name: [] for name in copies}
    for end, fold in zip(ends, folds, strict=True):
        part = slice(end - len(fold), end)
        for name, copies_RCL in copies.items():
            normal, anomalous = clean_R1L[:, 0, part], copies_RCL[:, :, part].flatten(1)
            labels = np.repeat([0, 1], [normal.shape[1], anomalous.shape[1]]).astype(np.int8)
            by_fold[name].append(aurocs(labels, torch.cat([normal, anomalous], 1).numpy()))
    pairs = np.square([len(fold) for fold in folds])
    return {name: np.average(values, axis=0, weights=pairs) for name, values in by_fold.items()}


def compactness(augmented_AKD: Tensor) -> float:
    """Mean cosine of augmented normal embeddings to their mean direction, in [0, 1] (mean resultant length, Mardia and
    Jupp 2000, Section 2.3). It says how tight the normal images lie and nothing of what else lies there: a network
    that maps all images to one point has the highest value."""
    return float(normalize(augmented_AKD, dim=-1).mean((0, 1)).norm())


def _fits_again(scoring: Scoring, kept: int) -> bool:
    """Whether a fold's scorer of pooled features can be fitted on `kept` images."""
    if scoring.scorer == "knn":
        return scoring.neighbours <= scoring.n_a * kept
    return scoring.scorer in SCORERS


def _family(view: NegativeView) -> str:
    return view.partition("_")[0]


def _as_it_is(x: Tensor, generator: torch.Generator) -> Tensor:
    return x


__all__ = ["SIGNS", "compactness", "left_out", "measure", "negatives", "separations"]
