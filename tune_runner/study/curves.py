"""How AUROC moves along each setting.

`along` answers a `one_at_a_time`: every value of a setting while the others stay at the reference, all scored as the
reference's best row is, so that one setting differs and no more. `within` needs no design: a trained network was scored
under all scoring values at all points of its trajectory, so these are compared within each training of any sweep.

Every difference is paired: in each bootstrap sample both sides have the same episodes and images, or the same
trainings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from coftad.metrics import interval
from coftad.seeding import numpy_generator
from coftad.types import Scoring
from tune_runner import designs
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study.effects import FEWEST_WITHIN, levels_within, varying
from tune_runner.study.reference import reference_trial
from tune_runner.study.scored import Measured, measured, rows

_PAPERS = Scoring()
_RESAMPLES = 1000


@dataclass(frozen=True)
class Point:
    """One value on a curve. auroc: mean on the search images, over episodes or trainings. difference: to the centre's,
    with its 95 % interval. better_in: how many of them, `of` all, it beats the centre in."""

    value: Any
    auroc: float
    difference: float
    interval: tuple[float, float]
    better_in: int
    of: int


@dataclass(frozen=True)
class Curve:
    """unit: what is paired, `episodes` or `trainings`. centre: the value that the others are compared with. missing:
    values without a complete trial.

    plateau: the values around the best one whose AUROC is not shown to be lower than its own; for a choice, whose
    values have no order, all such values.
    """

    parameter: str
    unit: str
    centre: Any
    points: tuple[Point, ...]
    plateau: tuple[Any, ...]
    missing: tuple[Any, ...]


def along(prepared: Prepared, trials: Sequence[FrozenTrial], records: Records) -> list[Curve]:
    """In the order of the space. Empty unless the sweep was a `one_at_a_time` whose reference is complete."""
    spec = prepared.spec
    if spec.search.sampler != "one_at_a_time":
        return []
    by_point = {designs.key(trial.params): trial for trial in trials}
    reference = reference_trial(spec, trials)
    if reference is None:
        return []
    row = reference.user_attrs["best_row"]
    known: dict[int, Measured] = {}

    def at_point(point: designs.Point) -> Measured | None:
        trial = by_point.get(designs.key(point))
        if trial is None:
            return None
        if trial.number not in known:
            episodes = records.of(trial.number)
            index = rows(episodes[0]).index(row)
            known[trial.number] = measured(prepared, records, episodes, index, "search_rows", seed=spec.seed)
        return known[trial.number]

    found = []
    for axis in designs.axes(spec.space, spec.search.reference):
        at = {value: at_point(point) for value, point in axis.points}
        there = {value: one for value, one in at.items() if one is not None}
        if axis.centre in there and len(there) > 1:
            missing = tuple(value for value in at if value not in there)
            found.append(_curve(axis.name, "episodes", axis.centre, there, missing))
    return found


def within(trials: Sequence[FrozenTrial], *, seed: int) -> list[Curve]:
    """Of every scoring and trajectory parameter that varied, if there are FEWEST_WITHIN trainings. A training's AUROC
    at one value is the mean over all rows that have it. The centre is the paper's value, else the largest."""
    if len(trials) < FEWEST_WITHIN:
        return []
    drawn = numpy_generator(seed, "within").integers(len(trials), size=(_RESAMPLES, len(trials)))
    found = []
    for name in varying(trials):
        values, table_TL = levels_within(trials, name)
        if len(values) > 1:
            at = {
                value: Measured(aurocs[drawn].mean(1), aurocs) for value, aurocs in zip(values, table_TL.T, strict=True)
            }
            papers = getattr(_PAPERS, name, None)
            found.append(_curve(name, "trainings", papers if papers in at else values[-1], at, ()))
    return found


def _curve(parameter: str, unit: str, centre: Any, at: dict[Any, Measured], missing: tuple[Any, ...]) -> Curve:
    plateau = _plateau(at, ordered=not isinstance(centre, str | bool))
    return Curve(parameter, unit, centre, _points(at, centre), plateau, missing)


def _points(at: dict[Any, Measured], centre: Any) -> tuple[Point, ...]:
    to = at[centre]
    return tuple(
        Point(
            value,
            float(one.aurocs.mean()),
            float((one.aurocs - to.aurocs).mean()),
            interval(one.samples - to.samples),
            int((one.aurocs > to.aurocs).sum()),
            len(one.aurocs),
        )
        for value, one in at.items()
    )


def _plateau(at: dict[Any, Measured], *, ordered: bool) -> tuple[Any, ...]:
    values = list(at)
    best = max(range(len(values)), key=lambda index: at[values[index]].aurocs.mean())
    top = at[values[best]].samples
    level = [interval(top - at[value].samples)[0] <= 0 for value in values]
    if not ordered:
        return tuple(value for value, near in zip(values, level, strict=True) if near)
    low = high = best
    while low > 0 and level[low - 1]:
        low -= 1
    while high < len(values) - 1 and level[high + 1]:
        high += 1
    return tuple(values[low : high + 1])
