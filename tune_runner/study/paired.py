"""Trials compared on the same episodes, also where `asha` dropped some of them before their last.

One draw of the support set is easier than another, for every configuration. A trial that only finished easy episodes
would look good by its mean; so each AUROC is taken relative to its episode's common level, the mean of the complete
trials in it, and trials are compared by the mean of what is left. Of complete trials this is their mean AUROC as ever.

What stays biased: a trial was dropped because it did badly in its first episodes, partly by chance, and would have done
somewhat better in the others; and those that were kept were luckier in the first episodes, which sets the level there
too high. Both make dropped trials look worse than they are, never better.

A trial's AUROC is that of its best row after fine-tuning (`trainings.py`). A bootstrap of trials draws episodes in
common for all of them; of a study that has not kept its episodes, which has the mean alone, only trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from tune_runner.study.trainings import Training

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """common_E: mean AUROC of the complete trials in each episode. excess_TE: each trial's beyond it; 0 where it was
    not finished_TE."""

    trials: tuple[FrozenTrial, ...]
    common_E: Floats
    excess_TE: Floats
    finished_TE: NDArray[np.bool_]

    @property
    def values(self) -> Floats:
        """(T,) what each trial's mean AUROC over all episodes would be, had it been as good in those it missed."""
        return self.common_E.mean() + self.excess_TE.sum(1) / self.finished_TE.sum(1)

    def among(self, chosen: Sequence[int] | NDArray[np.intp] | NDArray[np.bool_]) -> "Paired":
        """Of these trials only, relative to the same levels."""
        rows = np.arange(len(self.trials))[chosen]
        return Paired(
            tuple(self.trials[row] for row in rows), self.common_E, self.excess_TE[rows], self.finished_TE[rows]
        )

    def having(self, name: str) -> "Paired":
        """Of the trials that have this parameter."""
        return self.among(np.array([name in trial.params for trial in self.trials], dtype=bool))

    def draw_episodes(self, generator: np.random.Generator, resamples: int) -> Floats:
        """(R, E): how often each episode is drawn."""
        episodes = len(self.common_E)
        return generator.multinomial(episodes, np.full(episodes, 1 / episodes), size=resamples).astype(float)

    def drawn_values(self, rows: NDArray[np.intp], counts_E: Floats) -> Floats:
        """`values` of the trials in `rows`, over drawn episodes; NaN for one that finished none of them."""
        weight = self.finished_TE[rows] @ counts_E
        total = self.excess_TE[rows] @ counts_E
        common = counts_E @ self.common_E / counts_E.sum()
        return common + np.divide(total, weight, out=np.full(len(rows), np.nan), where=weight > 0)

    @property
    def aurocs_TE(self) -> Floats:
        """NaN where an episode was not finished."""
        return np.where(self.finished_TE, self.common_E + self.excess_TE, np.nan)


def paired(trainings: Sequence[Training]) -> Paired:
    """Of complete trials and dropped ones. Dropped ones are left out where no complete trial tells the levels, or where
    the study has not kept the episodes of all."""
    complete = [one for one in trainings if one.complete]
    episodes = {len(one.aurocs_ER) for one in complete}
    if len(episodes) != 1 or any(one.means_only for one in complete):
        return _paired(complete, np.array([[one.aurocs_ER[:, one.best].mean()] for one in complete]).reshape(-1, 1))
    aurocs_TE = np.full((len(trainings), episodes.pop()), np.nan)
    for row, one in zip(aurocs_TE, trainings, strict=True):
        row[: len(one.aurocs_ER)] = one.aurocs_ER[:, one.best][: len(row)]
    return _paired(trainings, aurocs_TE)


def _paired(trainings: Sequence[Training], aurocs_TE: Floats) -> Paired:
    complete = [one.complete for one in trainings]
    finished = ~np.isnan(aurocs_TE)
    common = aurocs_TE[complete].mean(0) if trainings else np.zeros(aurocs_TE.shape[1])
    excess = np.where(finished, aurocs_TE - common, 0.0)
    return Paired(tuple(one.trial for one in trainings), common, excess, finished)
