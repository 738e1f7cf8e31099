"""The small frozen values that every other room passes on.

Hyperparameters are pydantic dataclasses, so that a Python caller and the YAML of a sweep meet the same checks and
the same words. `FineTuning` holds what needs a new training, `Scoring` what only matters after one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated

Images = NDArray[np.uint8]
"""(N, 3, H, W), 0-255."""

Backbone = Literal["resnet18", "resnet50"]
PositiveView = Literal["flowers", "cifar_c", "industrial"]
NegativeView = Literal["none", "cutpaste", "cutpaste_scar", "cutpaste_3way", "blur_brightness_contrast", "void"]
ScorerName = Literal["gaussian", "knn", "isolation_forest", "deep_isolation_forest", "patchcore"]
BatchNorm = Literal["train", "frozen"]
Criterion = Literal["unused_negative", "used_negative", "compactness", "loss"]

ImageSize = Annotated[int, Field(ge=32, le=1_024)]
"""Pixels, square. ResNet halves five times; beyond, memory is the limit."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class InputError(ValueError):
    """Something the user gave cannot be used. The message names the place, the value and what would be accepted."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set, decoded and resized once.

    images: (N, 3, H, W) uint8. labels: (N,) int8, 1 = anomalous. paths: N names, unique, as shown in reports.
    digest: SHA-256 (hex) of images, labels and paths. provenance: where it came from, for people; under `partial`, if
    there is something, what the set lacks. for_support: (N,) bool, the native training part: support sets come from its
    normal images, search and test from all others; None where the set has no such part.
    """

    name: str
    images: Images
    labels: NDArray[np.int8]
    paths: tuple[str, ...]
    digest: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    for_support: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, eq=False)
class Episode:
    """One k-shot task: rows of `pool` to train on, to search with and to report.

    `search_rows` and `test_rows` are disjoint, or equal in the paper's protocol (`holdout: 0`).
    Neither ever contains a row of `train_rows`.
    """

    pool: ImageSet
    index: int
    seed: int
    train_rows: NDArray[np.int64]
    search_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]

    @property
    def train(self) -> Images:
        """(k, 3, H, W): a writable copy of the support set, all normal."""
        return self.pool.images[self.train_rows]

    @property
    def shared(self) -> bool:
        """Whether search and test are one pool, as in the paper."""
        return np.array_equal(self.search_rows, self.test_rows)

    @property
    def scored_rows(self) -> NDArray[np.int64]:
        """The rows of `pool` that get a score: search and test together, ascending, each once."""
        return np.union1d(self.search_rows, self.test_rows)


@validated(frozen=True, config=_STRICT)
class FineTuning:
    """What needs a new fine-tuning. Defaults are the paper's (Section IV.C) unless marked open: the paper is silent.

    batch_norm: what the batch norms of the backbone and of its EMA target normalise by while they are fine-tuned. With
    `train` each forward pass uses the mean and variance of its own batch, as a network in training mode does, and the
    running statistics follow; with `frozen` both keep the pretrained statistics, and want a learning rate of about a
    tenth of the paper's. Scales and shifts are trained either way, the heads always use the batch's statistics, and
    scores come from the running ones, so that no image's score depends on the images beside it.
    """

    backbone: Backbone = "resnet18"
    positive_augmentation: PositiveView = "industrial"
    negative_augmentation: NegativeView = "none"
    lambda_pp: Annotated[float, Field(ge=0, le=100)] = 0.8
    lambda_np: Annotated[float, Field(ge=0, le=100)] = 0.6
    beta: Annotated[float, Field(ge=0, le=1)] = 0.99  # open: BYOL's 0.996 suits 1e5 steps, we make 1e1-1e2
    positive_pair: Literal["cross_instance", "fixed_centre"] = "cross_instance"
    contrastive: bool = True  # False leaves Eq. 1 out, for ablations as in Table VI
    symmetric: bool = False  # False: Eq. 1 as printed; True: BYOL's two-way loss
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 3e-4
    batch_size: Annotated[int, Field(ge=2, le=4096)] = 64
    projector_hidden: Annotated[int, Field(ge=1, le=65536)] = 1024  # open
    projector_out: Annotated[int, Field(ge=1, le=65536)] = 256  # open: BYOL's
    predictor_hidden: Annotated[int, Field(ge=1, le=65536)] = 1024  # open
    batch_norm: BatchNorm = "train"  # open; the plain reading of a paper that names no mode
    normalisation: Literal["imagenet", "none"] = "imagenet"  # open: what the pretrained weights were fed


@validated(frozen=True, config=_STRICT)
class Scoring:
    """What only matters after fine-tuning: all values of these are scored on one trained network.

    n_a: positive views of each support image that the scorer is fitted to; of PatchCore, those that fill its memory
    bank. l2_norm: of the pooled embeddings. PatchCore compares patches of feature maps, which its publication does not
    normalise, and does not read it.
    """

    n_a: Annotated[int, Field(ge=1, le=1000)] = 10
    scorer: ScorerName = "gaussian"
    l2_norm: bool = True  # of all scorers but patchcore
    epsilon: Annotated[float, Field(gt=0, le=10)] = 0.01  # of gaussian; open; relative to the mean variance
    neighbours: Annotated[int, Field(ge=1, le=1000)] = 1  # of knn; open


Steps = Annotated[int, Field(ge=0, le=1_000_000)]
"""A point on the trajectory of one fine-tuning; 0 is the network before it."""
