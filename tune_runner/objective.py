"""What a sweep chooses by: AUROC on the search images, or a criterion that needs no labels."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np

from coftad.criteria import SIGNS
from coftad.metrics import Floats, Metrics
from coftad.types import Criterion

Objective = Literal["auroc", Criterion]


COSTLY: Collection[Objective] = ("unused_negative", "used_negative")
"""What needs criteria of every scorer, also of those whose criteria take long. Sweeps that choose by something else do
without these."""


class Measured(Protocol):
    """A row of a trial, on its way or recorded."""

    @property
    def search(self) -> Metrics: ...

    @property
    def criteria(self) -> Mapping[Criterion, float]: ...


def values(rows: Sequence[Measured], objective: Objective) -> Floats:
    """(rows,): what is maximised, so a criterion of which lower is better is negated; NaN for a row that lacks it."""
    if objective == "auroc":
        return np.array([row.search.auroc for row in rows])
    return np.array([SIGNS[objective] * row.criteria.get(objective, np.nan) for row in rows])


def best_row(values_ER: Floats) -> int:
    """The row with the highest mean over episodes; the first of equals, so that ties do not depend on anything. A row
    without a value in any of them is never chosen. Raises ValueError if there is no other."""
    return int(np.nanargmax(values_ER.mean(0)))


def sampler_row(values_ER: Floats, steps: Sequence[int]) -> int:
    """The row whose value the sampler and the scheduler learn from: the best one after fine-tuning, as `best_row`
    chooses. steps: (rows,), each row's place on the trajectory.

    At 0 steps every trial of a backbone is the same network, which no training parameter has touched. Where it is the
    best, its value would be the same for all of them: ties that teach a sampler nothing, and hide which of them harmed
    the network less. A trial that was scored at 0 steps only, or has the objective nowhere else, counts with that.
    """
    tuned_ER = np.where(np.array(steps) > 0, values_ER, np.nan)
    known = ~np.isnan(tuned_ER.mean(0)).all()
    return best_row(tuned_ER if known else values_ER)


def running(values_ER: Floats, steps: Sequence[int]) -> list[float]:
    """(E,): what the sampler would learn after the first episode, the first two, and so on. The last is the trial's
    value."""
    firsts = [values_ER[:count] for count in range(1, len(values_ER) + 1)]
    return [float(first[:, sampler_row(first, steps)].mean()) for first in firsts]


def metric_name(objective: Objective) -> str:
    """Of what a study maximises, for those who open its storage."""
    if objective == "auroc":
        return "search AUROC"
    return objective if SIGNS[objective] > 0 else f"-{objective}"


def mean_criteria(rows: Sequence[Measured]) -> dict[str, float]:
    """One row over its episodes: the mean of every criterion that it has in all of them."""
    known = [name for name in SIGNS if all(name in row.criteria for row in rows)]
    return {name: float(np.mean([row.criteria[name] for row in rows])) for name in known}
