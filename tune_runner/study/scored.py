"""What a study's answers are worked out from: its trials, and the labels and scores of one of their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from coftad.metrics import Floats, auroc_over_episodes, aurocs, evaluate
from tune_runner.plan import Prepared
from tune_runner.records import EpisodeRecord, Records

MEASURED = ("auroc", "criteria")
"""What the study keeps of a row beside its settings."""


def completed(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def search_auroc(trial: FrozenTrial) -> float:
    """Of a complete trial's chosen row. `trial.value` is the objective's, which is AUROC unless the sweep chose without
    labels; trials of earlier versions know no other."""
    found = trial.user_attrs.get("search_auroc", trial.value)
    assert found is not None  # complete trials have a value
    return float(found)


def evaluated(study: optuna.Study) -> list[FrozenTrial]:
    """The complete ones, and those that `asha` dropped after some of their episodes."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def per_episode(trial: FrozenTrial) -> NDArray[np.float64]:
    """(E,) search AUROC at the trial's best row on each episode that it finished, the first ones. Older studies have
    not kept them: of these, the mean alone."""
    return np.array(trial.user_attrs.get("per_episode", [search_auroc(trial)]), dtype=float)


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


@dataclass(frozen=True, eq=False)
class Measured:
    """samples: (R,) bootstrap samples of the mean AUROC, whose differences are paired where the seed and the images are
    the same. aurocs: of each episode or training."""

    samples: NDArray[np.float64]
    aurocs: NDArray[np.float64]


def measured(
    prepared: Prepared, records: Records, episodes: Sequence[EpisodeRecord], row: int, split: str, *, seed: int
) -> Measured:
    """Of one row on the images of `split`, over episodes."""
    labels, scores = labels_and_scores(prepared, records, episodes, row, split)
    each = [evaluate(label, score).auroc for label, score in zip(labels, scores, strict=True)]
    return Measured(auroc_over_episodes(labels, scores, seed=seed), np.array(each))


def aurocs_on_test(prepared: Prepared, records: Records, trial: int) -> Floats:
    """(episodes, rows): AUROC of every row of a trial on the test images. For judging what chose, never for choosing.
    Raises RecordingError."""
    found = []
    for record in records.of(trial):
        arrays = records.scores(record)
        chosen = np.isin(arrays.image_rows, prepared.episodes[record.episode].test_rows)
        found.append(aurocs(prepared.image_set.labels[arrays.image_rows[chosen]], arrays.scores[:, chosen]))
    return np.stack(found)
