"""How AUROC moves along each setting.

`along` answers a `one_at_a_time`: every value of a setting while the others stay at the reference, all scored as the
reference's best row is, so that one setting differs and no more. `within` needs no design: a fine-tuned network was
scored under all scoring values at all points of its trajectory, so these are compared within each training of any
sweep.

Every difference is paired: both sides have the same episodes and images, or the same trainings. Intervals and p-values
allow for all values on all curves of their kind (`evidence.py`).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from coftad.types import Scoring
from tune_runner import designs
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study import evidence
from tune_runner.study.effects import FEWEST_WITHIN, difference_within, levels_within, varying
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.evidence import Component, Estimate
from tune_runner.study.reference import reference_trial
from tune_runner.study.scored import Measured, measured, rows
from tune_runner.study.trainings import Training
from tune_runner.study.versus import FEWEST_EPISODES, difference

_PAPERS = Scoring()
UNTRAINED = 0  # steps


@dataclass(frozen=True)
class Point:
    """One value on a curve. auroc: mean on the search images, over episodes or trainings. difference: to the centre's,
    with its 95 % interval and corrected p-value, None where there is not enough evidence for one. better_in: how many
    of them, `of` all, it beats the centre in. note: what sets this point apart from the others."""

    value: Any
    auroc: float
    difference: float
    interval: tuple[float, float]
    better_in: int
    of: int
    p: float | None = None
    note: str = ""

    @property
    def shown(self) -> bool:
        return evidence.shown(self.p, self.interval)


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


@dataclass(frozen=True, eq=False)
class _Values:
    """What was measured at each value of one setting. aurocs: of each unit, such as an episode. difference: of the
    first of two values minus the second, by their places."""

    values: tuple[Any, ...]
    aurocs: tuple[NDArray[np.float64], ...]
    difference: Callable[[int, int], Estimate | None]
    enough: bool = True


def along(prepared: Prepared, trials: Sequence[FrozenTrial], records: Records, noise: EpisodeNoise) -> list[Curve]:
    """In the order of the space. Empty unless the sweep was a `one_at_a_time` whose reference is complete. noise: of
    the support sets, on the search images."""
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
            known[trial.number] = measured(prepared, records, episodes, index, "search_rows")
        return known[trial.number]

    curves = []
    for axis in designs.axes(spec.space, spec.search.reference):
        at = {value: at_point(point) for value, point in axis.points}
        there = {value: one for value, one in at.items() if one is not None}
        if axis.centre in there and len(there) > 1:
            missing = tuple(value for value in at if value not in there)
            curves.append((axis.name, "episodes", axis.centre, _on_episodes(there, noise), missing))
    return _curves(curves, sum(len(at.values) - 1 for *_, at, _ in curves))


def within(trainings: Sequence[Training], noise: EpisodeNoise) -> list[Curve]:
    """Of every scoring setting and of steps, where they varied, if there are FEWEST_WITHIN trainings. A training's
    AUROC at one value is the mean over all rows that have it. The centre is the paper's value, else the largest. On
    the curve of steps, the network before fine-tuning is a point of its own, once for each backbone. noise: of the
    support sets, on the search images."""
    curves: list[tuple[str, str, Any, _Values, tuple[Any, ...]]] = []
    before: dict[str, _Untrained] = {}
    for name in varying(trainings):
        values, having, table_TLE = levels_within(trainings, name)
        if len(values) > 1 and len(having) >= FEWEST_WITHIN:
            papers = getattr(_PAPERS, name, None)
            centre = papers if papers in values else values[-1]
            curves.append((name, "trainings", centre, _on_trainings(values, table_TLE), ()))
            if name == "steps":
                before = _untrained(having, table_TLE[:, values.index(centre)])
    family = sum(len(at.values) - 1 for *_, at, _ in curves) + len(before)
    untrained = [_before(backbone, one, noise, family) for backbone, one in before.items()]
    return [
        replace(curve, points=(*untrained, *curve.points)) if curve.parameter == "steps" else curve
        for curve in _curves(curves, family)
    ]


@dataclass(frozen=True, eq=False)
class _Untrained:
    """A network before fine-tuning, and the trainings that began from it. aurocs_E, centre_TE: search AUROC on each
    support set, mean over scoring values; of the trainings at the centre of the curve."""

    aurocs_E: NDArray[np.float64]
    centre_TE: NDArray[np.float64]


def _untrained(trainings: Sequence[Training], centre_TE: NDArray[np.float64]) -> dict[str, _Untrained]:
    """By backbone; "" where the sweep has one. Of the complete trainings that scored it."""
    rows: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(trainings):
        if one.complete and any(row["steps"] == UNTRAINED for row in one.rows):
            rows[str(one.trial.params.get("backbone", ""))].append(place)
    found = {}
    for backbone, places in sorted(rows.items()):
        first = trainings[places[0]]
        zero = [index for index, row in enumerate(first.rows) if row["steps"] == UNTRAINED]
        found[backbone] = _Untrained(first.aurocs_ER[:, zero].mean(1), centre_TE[places])
    return {backbone: one for backbone, one in found.items() if len(one.centre_TE) > 1}


def _before(backbone: str, one: _Untrained, noise: EpisodeNoise, family: int) -> Point:
    """The trainings vary among themselves; the network is one, whose noise with the support set the sweep tells."""
    differences_E = one.aurocs_E - one.centre_TE.mean(0)
    count = len(one.centre_TE)
    sources = [Component(float(one.centre_TE.mean(1).var(ddof=1)) / count, count - 1)]
    if (support_sets := noise.of_mean(differences_E)) is not None:
        sources.append(support_sets)
    estimate = Estimate.of(float(differences_E.mean()), sources)
    return Point(
        UNTRAINED,
        float(one.aurocs_E.mean()),
        estimate.difference,
        evidence.bounded(estimate.interval(family)),
        int((differences_E > 0).sum()),
        len(differences_E),
        estimate.p(family) if len(differences_E) >= FEWEST_EPISODES else None,
        note=f"{backbone or 'the network'} before fine-tuning, on {len(differences_E)} support sets",
    )


def _on_episodes(at: dict[Any, Measured], noise: EpisodeNoise) -> _Values:
    rows = tuple(at.values())
    return _Values(
        tuple(at),
        tuple(row.aurocs for row in rows),
        lambda one, other: difference(rows[one], rows[other], noise),
        enough=len(rows[0].aurocs) >= FEWEST_EPISODES,
    )


def _on_trainings(values: Sequence[Any], table_TLE: NDArray[np.float64]) -> _Values:
    return _Values(
        tuple(values),
        tuple(np.nanmean(table_TLE[:, place], axis=1) for place in range(len(values))),
        lambda one, other: difference_within(table_TLE[:, one] - table_TLE[:, other]),
    )


def _curves(measured: Sequence[tuple[str, str, Any, _Values, tuple[Any, ...]]], points: int) -> list[Curve]:
    """points: of how many comparisons with a centre each is one."""
    pairs = sum(len(at.values) * (len(at.values) - 1) // 2 for _, _, _, at, _ in measured)
    return [
        Curve(
            name,
            unit,
            centre,
            _points(at, at.values.index(centre), points),
            _plateau(at, pairs, ordered=not isinstance(centre, str | bool)),
            missing,
        )
        for name, unit, centre, at, missing in measured
    ]


def _points(at: _Values, centre: int, family: int) -> tuple[Point, ...]:
    points = []
    for place, value in enumerate(at.values):
        mine, centres = at.aurocs[place], at.aurocs[centre]
        estimate = at.difference(place, centre) if place != centre else Estimate(0.0, 0.0, 1.0)
        assert estimate is not None  # there are FEWEST_WITHIN trainings, or two measured rows
        points.append(
            Point(
                value,
                float(mine.mean()),
                estimate.difference,
                evidence.bounded(estimate.interval(family)),
                int((mine > centres).sum()),
                len(mine),
                estimate.p(family) if at.enough else None,
            )
        )
    return tuple(points)


def _plateau(at: _Values, family: int, *, ordered: bool) -> tuple[Any, ...]:
    best = max(range(len(at.values)), key=lambda place: at.aurocs[place].mean())

    def near(place: int) -> bool:
        estimate = at.difference(best, place) if place != best else None
        return estimate is None or not (
            at.enough and evidence.shown(estimate.p(family), estimate.interval(family)) and estimate.difference > 0
        )

    level = [near(place) for place in range(len(at.values))]
    if not ordered:
        return tuple(value for value, alike in zip(at.values, level, strict=True) if alike)
    low = high = best
    while low > 0 and level[low - 1]:
        low -= 1
    while high < len(at.values) - 1 and level[high + 1]:
        high += 1
    return tuple(at.values[low : high + 1])
