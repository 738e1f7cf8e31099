"""Is this configuration better than that one? Both on the same images of the same episodes.

The variance of a difference has two sources: the images (DeLong's, an image that several support sets score counted
once), and the support sets. Of the latter there are few, so what the whole sweep says of their noise is weighed in
(`episode_noise.py`). p-values and intervals allow for the size of the family of comparisons (`evidence.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coftad.metrics import aurocs
from tune_runner.plan import Prepared
from tune_runner.records import EpisodeRecord, Records
from tune_runner.study import evidence
from tune_runner.study.episode_noise import EpisodeNoise, episode_noise
from tune_runner.study.evidence import Estimate
from tune_runner.study.scored import Measured, labels_and_scores, measured
from tune_runner.study.trainings import Training

FEWEST_EPISODES = 2  # from one, nothing is known of what another support set would give
MOST_TRIALS = 100  # whose noise is looked at: of more it is known no better, and each costs its scores' reading
_AT_RANDOM = {"tpe": 10, "gp": 10}  # suggestions before the sampler looks at results


@dataclass(frozen=True)
class Versus:
    """`one` against `other`: mean AUROC of both and their difference with its 95 % interval. better_in: in how many of
    the `of` episodes `one` has the higher AUROC. p: two-sided, None with fewer than FEWEST_EPISODES. family: the
    number of comparisons that p and interval allow for."""

    one: str
    other: str
    auroc: float
    other_auroc: float
    difference: float
    interval: tuple[float, float]
    better_in: int
    of: int
    p: float | None
    family: int = 1
    freedom: float = 1.0  # of the estimate that p and interval come from
    variance: float = 0.0

    @property
    def shown(self) -> bool:
        return evidence.shown(self.p, self.interval)

    def among(self, family: int) -> "Versus":
        """With a p-value and an interval that allow for so many comparisons."""
        estimate = Estimate(self.difference, self.variance, self.freedom)
        p = estimate.p(family) if self.of >= FEWEST_EPISODES else None
        return replace(self, interval=evidence.bounded(estimate.interval(family)), p=p, family=family)


@dataclass(frozen=True, eq=False)
class Side:
    """One configuration in a comparison. row: which of its rows, as its first record has them."""

    name: str
    episodes: Sequence[EpisodeRecord]
    row: int


def versus(
    prepared: Prepared,
    records: Records,
    one: Side,
    other: Side,
    noise: EpisodeNoise,
    split: str = "test_rows",
    *,
    family: int = 1,
) -> Versus:
    """On the episodes that both have finished, of which there is one at least. noise: what the sweep says of the
    support sets. family: of how many comparisons this one is, such as the configurations that `one` was chosen from."""
    common = {record.episode for record in one.episodes} & {record.episode for record in other.episodes}
    first, second = (
        measured(prepared, records, [record for record in side.episodes if record.episode in common], side.row, split)
        for side in (one, other)
    )
    estimate = difference(first, second, noise)
    return Versus(
        one.name,
        other.name,
        first.mean,
        second.mean,
        estimate.difference,
        estimate.interval(),
        int((first.aurocs > second.aurocs).sum()),
        len(common),
        None,
        freedom=estimate.freedom,
        variance=estimate.variance,
    ).among(family)


def difference(one: Measured, other: Measured, noise: EpisodeNoise) -> Estimate:
    """Of two rows on the same images of the same episodes; nothing where they are one and the same."""
    if np.array_equal(one.aurocs, other.aurocs) and np.array_equal(one.influence, other.influence):
        return Estimate(0.0, 0.0, 1.0)
    return one.minus(other, noise.of_mean(one.aurocs - other.aurocs))


def corrected(family: Sequence[Versus]) -> tuple[Versus, ...]:
    """The same comparisons with p-values and intervals that allow for their number."""
    return tuple(comparison.among(len(family)) for comparison in family)


def noise_on_search(prepared: Prepared, trainings: Sequence[Training]) -> EpisodeNoise:
    """Of the support sets of a sweep, from its complete trials at their best rows after fine-tuning."""
    return _noise([one.aurocs_ER[:, one.best] for one in _drawn_blindly(prepared, trainings)])


def noise_on_test(prepared: Prepared, records: Records, trainings: Sequence[Training]) -> EpisodeNoise:
    """The same on the test images. Raises RecordingError."""
    if prepared.episodes[0].shared:
        return noise_on_search(prepared, trainings)
    table = []
    for one in _drawn_blindly(prepared, trainings):
        labels, scores = labels_and_scores(prepared, records, records.of(one.trial.number), one.best, "test_rows")
        table.append([aurocs(label, score[None])[0] for label, score in zip(labels, scores, strict=True)])
    return _noise(table)


def _drawn_blindly(prepared: Prepared, trainings: Sequence[Training]) -> list[Training]:
    """The complete ones that were drawn without a look at results."""
    first = _AT_RANDOM.get(prepared.spec.search.sampler)
    complete = [one for one in trainings if one.complete]
    return [one for one in complete if first is None or one.trial.number <= first][:MOST_TRIALS]  # 0: the reference


def _noise(table: Sequence[Sequence[float] | NDArray[np.float64]]) -> EpisodeNoise:
    return episode_noise(np.array(table)) if table else EpisodeNoise()
