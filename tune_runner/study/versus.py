"""Is this configuration better than that one? Both on the same images of the same episodes.

Every difference has a 95 % interval and a p-value from one paired bootstrap over episodes and images: in each sample
both sides have the same of both. The p-values of a family of claims are corrected for their number (Benjamini and
Hochberg 1995).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from coftad.metrics import interval
from tune_runner.plan import Prepared
from tune_runner.records import EpisodeRecord, Records
from tune_runner.study.scored import measured

FEWEST_EPISODES = 2  # from one, nothing is known of what another support set would give


@dataclass(frozen=True)
class Versus:
    """`one` against `other`: mean AUROC of both and their difference with its 95 % interval. better_in: in how many of
    the `of` episodes `one` has the higher AUROC. p: two-sided, None with fewer than FEWEST_EPISODES."""

    one: str
    other: str
    auroc: float
    other_auroc: float
    difference: float
    interval: tuple[float, float]
    better_in: int
    of: int
    p: float | None

    @property
    def shown(self) -> bool:
        return self.p is not None and self.p < 0.05


@dataclass(frozen=True, eq=False)
class Side:
    """One configuration in a comparison. row: which of its rows, as its first record has them."""

    name: str
    episodes: Sequence[EpisodeRecord]
    row: int


def versus(prepared: Prepared, records: Records, one: Side, other: Side, split: str = "test_rows") -> Versus:
    """On the episodes that both have finished, of which there is one at least."""
    seed = prepared.spec.seed
    common = {record.episode for record in one.episodes} & {record.episode for record in other.episodes}
    here, there = (
        measured(
            prepared,
            records,
            [record for record in side.episodes if record.episode in common],
            side.row,
            split,
            seed=seed,
        )
        for side in (one, other)
    )
    differences = here.aurocs - there.aurocs
    samples = here.samples - there.samples
    return Versus(
        one.name,
        other.name,
        float(here.aurocs.mean()),
        float(there.aurocs.mean()),
        float(differences.mean()),
        interval(samples),
        int((differences > 0).sum()),
        len(common),
        _two_sided(samples) if len(common) >= FEWEST_EPISODES else None,
    )


def corrected(family: Sequence[Versus]) -> tuple[Versus, ...]:
    """The same comparisons with p-values that allow for their number."""
    known = [each.p for each in family if each.p is not None]
    new = iter(false_discovery_control(known) if known else [])
    return tuple(each if each.p is None else replace(each, p=float(next(new))) for each in family)


def _two_sided(samples: NDArray[np.float64]) -> float:
    """How far out 0 lies among the bootstrap samples of a difference; never 0, as they are finitely many."""
    low, high = int((samples <= 0).sum()), int((samples >= 0).sum())
    return min(1.0, 2 * (min(low, high) + 1) / (len(samples) + 1))
