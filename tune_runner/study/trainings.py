"""The trials of a study with what each of their rows measured: which rows may be compared, and by what.

A row is one point of the trajectory under one set of scoring values. Three rules hold for every comparison:

* A setting is compared only where it is read: rows of a scorer that ignores it say nothing about it.
* Training settings are compared after fine-tuning. At 0 steps all trials of a backbone are one network, which no
  training setting can have changed.
* That network counts once, however many trials begin from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from coftad.scorers import reads
from coftad.types import Scoring
from tune_runner.records import Records
from tune_runner.study.scored import MEASURED, search_auroc

Floats = NDArray[np.float64]

_SCORING = frozenset(vars(Scoring()))


@dataclass(frozen=True, eq=False)
class Training:
    """One trial. rows: the settings of each row; aurocs_ER: their search AUROC on each support set that it finished, or
    where these are not known (`means_only`) the mean over them, as if of one."""

    trial: FrozenTrial
    rows: tuple[dict[str, Any], ...]
    aurocs_ER: Floats
    means_only: bool = False

    @property
    def complete(self) -> bool:
        return self.trial.state == TrialState.COMPLETE

    @property
    def tuned(self) -> NDArray[np.intp]:
        """The rows after fine-tuning; all of them where the trial was never scored after a step."""
        after = [index for index, row in enumerate(self.rows) if row.get("steps", 1) > 0]
        return np.array(after or range(len(self.rows)), dtype=np.intp)

    @property
    def best(self) -> int:
        """The row after fine-tuning with the highest mean AUROC; the first of equals."""
        return int(self.tuned[np.argmax(self.aurocs_ER[:, self.tuned].mean(0))])

    @property
    def untrained(self) -> bool:
        """Whether nothing but the network before fine-tuning was scored."""
        return self.rows[self.best].get("steps", 1) == 0

    def reading(self, *names: str) -> NDArray[np.intp]:
        """Of `tuned`, the rows whose scorer reads all of these settings."""
        return np.array(
            [row for row in self.tuned if all(_reads(self.rows[row], name) for name in names)], dtype=np.intp
        )

    def alike(self, row: int, *names: str) -> tuple[Any, ...]:
        """What rows have in common that differ in these settings alone: all others that its scorer reads. Where the
        scorer is one of these settings, those that all scorers of the training read."""
        settings = self.rows[row]
        others = [name for name in settings if name not in names and _reads(settings, name)]
        if "scorer" in names:
            others = [name for name in others if all(_reads(other, name) for other in self.rows)]
        return tuple((name, settings[name]) for name in others)


def _reads(row: dict[str, Any], name: str) -> bool:
    return name in row and (name not in _SCORING or "scorer" not in row or name in reads(row["scorer"]))


def trainings(trials: Sequence[FrozenTrial], records: Records | None = None) -> list[Training]:
    """Of trials that are complete, or were dropped after some support sets; each network once.

    records: where every row's AUROC on each support set is. Without them there is what the study keeps: of every row
    the mean, and the support sets of one alone. Raises RecordingError.
    """
    result, before = [], set()
    for trial in trials:
        one = _training(trial, records)
        if one.untrained:
            network = (trial.params.get("backbone"), one.aurocs_ER.tobytes())
            if network in before:
                continue
            before.add(network)
        result.append(one)
    return result


def _training(trial: FrozenTrial, records: Records | None) -> Training:
    attributes = trial.user_attrs
    rows = tuple({name: row[name] for name in row if name not in MEASURED} for row in attributes.get("rows", ()))
    episodes = records.of(trial.number) if records is not None else []
    if episodes and rows:
        return Training(trial, rows, np.array([[row.search.auroc for row in record.rows] for record in episodes]))
    if rows:
        return Training(trial, rows, np.array([[row["auroc"] for row in attributes["rows"]]], dtype=float), True)
    kept = attributes.get("per_episode", [search_auroc(trial)])
    return Training(trial, ({},), np.array(kept, dtype=float)[:, None], "per_episode" not in attributes)
