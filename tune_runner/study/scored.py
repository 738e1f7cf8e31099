"""What a study's answers are worked out from: its trials, and the labels and scores of one of their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from coftad.metrics import Floats, aurocs, placements
from tune_runner.plan import Prepared
from tune_runner.records import EpisodeRecord, Records
from tune_runner.study.evidence import Component, Estimate

MEASURED = ("auroc", "criteria")
"""What the study keeps of a row beside its settings."""


def completed(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def search_auroc(trial: FrozenTrial) -> float:
    """Of a complete trial's best row. `trial.value` is what the sampler learns from; trials of earlier versions know no
    other."""
    auroc = trial.user_attrs.get("search_auroc", trial.value)
    assert auroc is not None  # complete trials have a value
    return float(auroc)


def best_value(trial: FrozenTrial) -> float:
    """The objective at a complete trial's best row, which may be the network before fine-tuning."""
    value = trial.user_attrs.get("best_value", trial.value)
    assert value is not None  # complete trials have a value
    return float(value)


def evaluated(study: optuna.Study) -> list[FrozenTrial]:
    """The complete ones, and those that `asha` dropped after some of their episodes."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


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
    """One row of a configuration on E support sets. aurocs: (E,). influence: (I,) what each image of the data set adds
    to the mean AUROC, by its row there; 0 for one that was not scored, and in the mean of each class. anomalous: (I,),
    and scored: (I,) which images those are."""

    aurocs: Floats
    influence: Floats
    anomalous: NDArray[np.bool_]
    scored: NDArray[np.bool_]

    @property
    def mean(self) -> float:
        return float(self.aurocs.mean())

    def auroc(self) -> Estimate:
        """The mean AUROC, over images and, from two on, over support sets."""
        sources = [_over_images(self.influence, self)]
        if len(self.aurocs) > 1:
            sources.append(Component(float(self.aurocs.var(ddof=1)) / len(self.aurocs), len(self.aurocs) - 1))
        return Estimate.of(self.mean, sources)

    def minus(self, other: "Measured", support_sets: Component | None) -> Estimate:
        """The difference of the mean AUROC to that of another row on the same images of the same support sets.
        support_sets: how far it varies with these."""
        sources = [_over_images(self.influence - other.influence, self)]
        return Estimate.of(self.mean - other.mean, [*sources, *([support_sets] if support_sets else [])])


def measured(prepared: Prepared, records: Records, episodes: Sequence[EpisodeRecord], row: int, split: str) -> Measured:
    """Of one row on the images of `split`, over episodes."""
    means = []
    influence = np.zeros(len(prepared.image_set.labels))
    scored = np.zeros(len(influence), dtype=bool)
    for record in episodes:
        arrays = records.scores(record)
        chosen = np.isin(arrays.image_rows, getattr(prepared.episodes[record.episode], split))
        images = arrays.image_rows[chosen]
        labels = prepared.image_set.labels[images]
        shares = placements(labels, arrays.scores[row, chosen])
        means.append(float(shares[labels == 1].mean()))
        counts = np.bincount(labels, minlength=2)
        influence[images] += (shares - means[-1]) / counts[labels] / len(episodes)
        scored[images] = True
    return Measured(np.array(means), influence, prepared.image_set.labels == 1, scored)


def _over_images(influence: Floats, of: Measured) -> Component:
    """DeLong's variance of what the images of both classes add, an image that several support sets have counted as
    one."""
    variance, fewest = 0.0, np.inf
    for kind in (of.scored & of.anomalous, of.scored & ~of.anomalous):
        count = int(np.count_nonzero(kind))
        fewest = min(fewest, count)
        variance += float((influence[kind] ** 2).sum()) * count / max(count - 1, 1)
    return Component(variance, max(fewest - 1, 1))


def auroc_interval(row: Measured) -> tuple[float, float]:
    """95 %, over images and support sets, within [0, 1]."""
    low, high = row.auroc().interval()
    return max(low, 0.0), min(high, 1.0)


def aurocs_on_test(prepared: Prepared, records: Records, trial: int) -> Floats:
    """(episodes, rows): AUROC of every row of a trial on the test images. For judging what chose, never for choosing.
    Raises RecordingError."""
    result = []
    for record in records.of(trial):
        arrays = records.scores(record)
        chosen = np.isin(arrays.image_rows, prepared.episodes[record.episode].test_rows)
        result.append(aurocs(prepared.image_set.labels[arrays.image_rows[chosen]], arrays.scores[:, chosen]))
    return np.stack(result)
