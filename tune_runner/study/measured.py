"""The AUROC of one configuration's row: of each episode, and bootstrap samples of the mean over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coftad.metrics import auroc_over_episodes, evaluate
from tune_runner.plan import Prepared
from tune_runner.records import EpisodeRecord, Records
from tune_runner.study.scored import labels_and_scores


@dataclass(frozen=True, eq=False)
class Measured:
    """samples: (R,) of the mean AUROC, from the same draws for all that are compared. aurocs: of each episode, or of
    whatever else is paired."""

    samples: NDArray[np.float64]
    aurocs: NDArray[np.float64]


def measured(prepared: Prepared, records: Records, episodes: Sequence[EpisodeRecord], row: int, split: str) -> Measured:
    """On the images of `split` (`search_rows` or `test_rows`)."""
    labels, scores = labels_and_scores(prepared, records, episodes, row, split)
    aurocs = [evaluate(label, score).auroc for label, score in zip(labels, scores, strict=True)]
    return Measured(auroc_over_episodes(labels, scores, seed=prepared.spec.seed), np.array(aurocs))
