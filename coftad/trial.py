"""One configuration on one episode, nothing else: (config, episode, weights) -> scores of every row.

A *row* is one point of the trajectory under one set of scoring values. One fine-tuning gives them all.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from coftad import criteria
from coftad.embeddings import to_float
from coftad.finetune import finetune
from coftad.metrics import Metrics, evaluate
from coftad.scoring import Scorers
from coftad.types import _STRICT, Criterion, Episode, FineTuning, Scoring, Steps
from coftad.weights import StateDict


@validated(frozen=True, config=_STRICT)
class TrialConfig:
    """What one trial runs: one training, scored at all `points` of its trajectory under all `scorings`."""

    training: FineTuning
    points: Annotated[tuple[Steps, ...], Field(min_length=1)]
    scorings: Annotated[tuple[Scoring, ...], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class Row:
    """One point of the trajectory under one set of scoring values. search: measured on the search images only.
    criteria: measured without labels, those that exist (see `coftad.criteria.measure`)."""

    steps: int
    scoring: Scoring
    search: Metrics
    criteria: Mapping[Criterion, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TrialResult:
    """rows: len(points) * len(scorings), points outermost. scores: (rows, S) float64 for `image_rows` (S,), rows of
    the pool, search and test together. losses: each (steps,), names con, pp, np, all. seconds: train, embed, score,
    criteria."""

    rows: tuple[Row, ...]
    scores: NDArray[np.float64]
    image_rows: NDArray[np.int64]
    losses: dict[str, NDArray[np.float64]]
    seconds: dict[str, float]


def run(
    config: TrialConfig,
    episode: Episode,
    state: StateDict | None,
    *,
    device: torch.device,
    costly_criteria: bool = True,
) -> TrialResult:
    """Fine-tune once, score everything. The same inputs give the same bits on one machine with one thread count.

    state: initial weights of the backbone, None for random ones. costly_criteria: as `criteria.measure` takes it;
    scores do not depend on it. Raises NonFiniteLoss, ValueError for scores that are not finite, and what torch raises
    when memory runs out.
    """
    training = config.training
    clock = _Clock()
    losses: dict[str, list[float]] = defaultdict(list)

    def on_step(_: int, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            losses[name].append(value)

    image_rows = episode.scored_rows
    images, labels = episode.pool.images[image_rows], episode.pool.labels[image_rows]
    in_search = np.isin(image_rows, episode.search_rows)
    support = to_float(episode.train, device)
    rows, scores = [], []
    for steps, network in finetune(
        episode.train, training, state, points=config.points, seed=episode.seed, device=device, on_step=on_step
    ):
        clock.lap("train")
        scorers = Scorers(network, training, config.scorings, support, seed=episode.seed, lap=clock.lap)
        found = scorers.score(images).numpy()
        scores.append(found)
        measured = [evaluate(labels[in_search], values[in_search]) for values in found]
        clock.lap("score")
        unlabelled = criteria.measure(
            network,
            training,
            config.scorings,
            support,
            scorers.augmented_AKD,
            losses["all"],
            seed=episode.seed,
            gathering=scorers.gathering,
            costly=costly_criteria,
        )
        rows += [Row(steps, *each) for each in zip(config.scorings, measured, unlabelled, strict=True)]
        clock.lap("criteria")
    return TrialResult(
        rows=tuple(rows),
        scores=np.concatenate(scores),
        image_rows=image_rows,
        losses={name: np.array(values) for name, values in losses.items()},
        seconds=clock.seconds,
    )


class _Clock:
    """Seconds spent, by name, between laps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] += now - self._last
        self._last = now
