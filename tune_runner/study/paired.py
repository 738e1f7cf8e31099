"""Trials compared on the same episodes, also where `asha` dropped some of them before their last.

One draw of the support set is easier than another, for every configuration. A trial that only finished easy episodes
would look good by its mean; so each AUROC is taken relative to its episode's common level, the mean of the complete
trials in it, and trials are compared by the mean of what is left. Of complete trials this is their mean AUROC as ever.

What stays biased: a trial was dropped because it did badly in its first episodes, partly by chance, and would have done
somewhat better in the others; and those that were kept were luckier in the first episodes, which sets the level there
too high. Both make dropped trials look worse than they are, never better.

The bootstrap draws trials, and episodes in common for all of them. A study that has not kept its episodes has the mean
alone: then only trials are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from coftad.metrics import interval
from tune_runner.study.scored import per_episode, search_auroc

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

    def resampled_mean(self, counts_RE: Floats, generator: np.random.Generator) -> Floats:
        """(R,) means over trials, which are drawn anew for each of the R draws of episodes; NaN where no drawn
        trial finished any drawn episode."""
        shape = (len(counts_RE), len(self.trials))
        drawn_RT = generator.integers(len(self.trials), size=shape)
        total, weight = np.zeros(shape), np.zeros(shape)
        for episode, counts_R in enumerate(counts_RE.T):
            total += self.excess_TE[drawn_RT, episode] * counts_R[:, None]
            weight += self.finished_TE[drawn_RT, episode] * counts_R[:, None]
        there = weight > 0
        totals, counts = np.divide(total, weight, out=total, where=there).sum(1), there.sum(1)
        means = np.divide(totals, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        return means + counts_RE @ self.common_E / counts_RE.sum(1)


def resampled_interval(samples_R: Floats) -> tuple[float, float]:
    """The 95 % interval of resampled means, or of differences of them, where there is one."""
    return interval(samples_R[np.isfinite(samples_R)])


def paired(trials: Sequence[FrozenTrial]) -> Paired:
    """Of complete trials and dropped ones. Dropped ones are left out where no complete trial tells the levels, or where
    the study has not kept the episodes of all."""
    kept = all("per_episode" in trial.user_attrs for trial in trials)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not kept or not complete:
        return _paired(complete, np.array([[search_auroc(trial)] for trial in complete]).reshape(-1, 1))
    episodes = max(len(per_episode(trial)) for trial in complete)
    aurocs_TE = np.full((len(trials), episodes), np.nan)
    for row, trial in zip(aurocs_TE, trials, strict=True):
        finished = per_episode(trial)
        row[: len(finished)] = finished
    return _paired(trials, aurocs_TE)


def _paired(trials: Sequence[FrozenTrial], aurocs_TE: Floats) -> Paired:
    complete = [trial.state == TrialState.COMPLETE for trial in trials]
    finished = ~np.isnan(aurocs_TE)
    common = aurocs_TE[complete].mean(0) if trials else np.zeros(aurocs_TE.shape[1])
    return Paired(tuple(trials), common, np.where(finished, aurocs_TE - common, 0.0), finished)
