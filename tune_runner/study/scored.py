"""What a study's answers are worked out from: its trials, and the labels and scores of one of their rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from tune_runner.plan import Prepared
from tune_runner.records import EpisodeRecord, Records


def completed(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def evaluated(study: optuna.Study) -> list[FrozenTrial]:
    """The complete ones, and those that `asha` dropped after some of their episodes."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def per_episode(trial: FrozenTrial) -> NDArray[np.float64]:
    """(E,) search AUROC at the trial's best row on each episode that it finished, the first ones. Older studies have
    not kept them: of these, the mean alone."""
    return np.array(trial.user_attrs.get("per_episode", [trial.value]), dtype=float)


def rows(record: EpisodeRecord) -> list[dict[str, Any]]:
    """Each row's place on the trajectory and scoring values, as the study keeps them."""
    return [{"steps": row.steps, **vars(row.scoring)} for row in record.rows]


def labels_and_scores(
    prepared: Prepared, records: Records, episodes: Sequence[EpisodeRecord], row: int, split: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of one row on the images of `split` (`search_rows` or `test_rows`), per episode."""
    labels, scores = [], []
    for record in episodes:
        arrays = records.scores(record)
        chosen = np.isin(arrays.image_rows, getattr(prepared.episodes[record.episode], split))
        labels.append(prepared.image_set.labels[arrays.image_rows[chosen]])
        scores.append(arrays.scores[row, chosen])
    return labels, scores
