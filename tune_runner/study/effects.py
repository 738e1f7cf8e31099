"""Which settings mattered: differences in AUROC with intervals and tests.

Scoring settings and steps are compared within each fine-tuned network, as all their values were scored on it: a paired
comparison, the sharpest there is. Training settings are compared between trials, after fine-tuning, one that exists
only under a choice among the trials that made it; numbers are split into thirds, or at their median where they are
few. A trial that `asha` dropped counts with the episodes that it finished (`paired.py`). Which rows are compared
stands in `trainings.py`, and how sure a difference is in `contrasts.py`.

The two levels of a setting whose difference is surest are reported. Their p-value and interval allow for all pairs of
levels and for the number of settings (`evidence.py`), so that a sweep of noise shows something in one of twenty cases,
however many settings it varied. Trials that share one setting may share another, above all where a sampler has learned
what is good: a difference between trials is therefore taken as it remains after allowing for any one other setting, and
the least favourable of these counts.

Below FEWEST_WITHIN trainings or FEWEST_BETWEEN trials there is no test that could show much, and none is made.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tune_runner.study import evidence
from tune_runner.study.contrasts import contrast, indicators
from tune_runner.study.evidence import Estimate
from tune_runner.study.levels import levels, text
from tune_runner.study.paired import Paired, paired
from tune_runner.study.trainings import Training

Floats = NDArray[np.float64]

FEWEST_WITHIN = 6
FEWEST_BETWEEN = 10
_PARTS_FIXED = 6  # of a range that is held fixed
_FEWEST_AT_LEVEL = 3  # trials; the spread of two is hardly known


@dataclass(frozen=True)
class Effect:
    """AUROC with the `better` level minus with the `worse` one: mean, and 95 % interval over `trials`, simultaneous
    with those of all other settings.

    p: of no difference, corrected for the number of settings and of their levels. allowing_for: the other setting that
    was held fixed, as it leaves least of the difference; "" for none.
    """

    parameter: str
    better: str
    worse: str
    difference: float
    interval: tuple[float, float]
    trials: int
    paired: bool
    p: float
    allowing_for: str = ""

    @property
    def shown(self) -> bool:
        return evidence.shown(self.p, self.interval)


@dataclass(frozen=True)
class TooFew:
    """A setting that varied, in `trials` trials of the `needed` that a test of it takes."""

    parameter: str
    trials: int
    needed: int


@dataclass(frozen=True)
class _Tested:
    """The surest difference of one setting, before its correction for all settings."""

    parameter: str
    better: str
    worse: str
    estimate: Estimate
    pairs: int
    trials: int
    paired: bool
    allowing_for: str = ""

    def effect(self, settings: int) -> Effect:
        family = settings * self.pairs
        return Effect(
            self.parameter,
            self.better,
            self.worse,
            self.estimate.difference,
            evidence.bounded(self.estimate.interval(family)),
            self.trials,
            self.paired,
            self.estimate.p(family),
            self.allowing_for,
        )


def effects(trainings: Sequence[Training]) -> tuple[list[Effect], list[TooFew]]:
    """Shown ones first, and of these the largest difference; and the settings with too few trials to say."""
    tested: list[_Tested] = []
    few: list[TooFew] = []
    for result in (*_within(trainings), *_between(paired(trainings))):
        if isinstance(result, TooFew):
            few.append(result)
        else:
            tested.append(result)
    corrected = [one.effect(len(tested)) for one in tested]
    return sorted(corrected, key=lambda effect: (not effect.shown, -effect.difference)), few


def varying(trainings: Sequence[Training]) -> list[str]:
    """The scoring settings and steps that took several values in rows that read them."""
    values: dict[str, set[Any]] = defaultdict(set)
    for one in trainings:
        for name in one.rows[0]:
            values[name].update(one.rows[row][name] for row in one.reading(name))
    return [name for name, several in values.items() if len(several) > 1]


def levels_within(trainings: Sequence[Training], *names: str) -> tuple[list[Any], list[Training], Floats]:
    """A scoring setting or steps, or several of them, within trainings.

    Returns:
        L values, or tuples of values, ascending; the T trainings that were scored with all of them; and (T, L, E)
        AUROCs, NaN where an episode was not finished. Each is a mean over rows that are alike in all other settings at
        each of the values, so that no other setting comes with one of them.
    """
    having: list[Training] = []
    means: list[dict[Any, Floats]] = []
    for one in trainings:
        if not one.untrained and (rows := _matched(one, *names)):
            having.append(one)
            means.append({value: one.aurocs_ER[:, some].mean(1) for value, some in rows.items()})
    values = sorted(set.intersection(*(set(one) for one in means))) if means else []
    episodes = max((len(one.aurocs_ER) for one in having), default=0)
    table_TLE = np.full((len(having), len(values), episodes), np.nan)
    for line, mean in zip(table_TLE, means, strict=True):
        for place, value in enumerate(values):
            line[place, : len(mean[value])] = mean[value]
    return values, having, table_TLE


def _matched(one: Training, *names: str) -> dict[Any, list[int]]:
    """The rows of a training at each value of these settings, from the groups of otherwise equal rows that have most
    of the values."""
    key = itemgetter(*names)
    groups: dict[Any, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in one.reading(*names):
        groups[one.alike(int(row), *names)][key(one.rows[row])].append(int(row))
    most = max((frozenset(group) for group in groups.values()), key=len, default=frozenset())
    matched: dict[Any, list[int]] = defaultdict(list)
    for group in groups.values():
        if group.keys() == most:
            for value, rows in group.items():
                matched[value] += rows
    return matched


def difference_within(differences_TE: Floats) -> Estimate | None:
    """Of two values that the same trainings were scored with. NaN where an episode was not finished."""
    ones = np.ones((len(differences_TE), 1))
    return contrast(ones, np.ones(1), np.nanmean(differences_TE, axis=1), differences_TE)


def _within(trainings: Sequence[Training]) -> Iterator[_Tested | TooFew]:
    for name in varying(trainings):
        values, having, table_TLE = levels_within(trainings, name)
        if len(values) < 2:
            continue
        if len(having) < FEWEST_WITHIN:
            yield TooFew(name, len(having), FEWEST_WITHIN)
            continue
        pairs = list(combinations(range(len(values)), 2))
        estimates = [difference_within(table_TLE[:, high] - table_TLE[:, low]) for low, high in pairs]
        surest, estimate = _surest(estimates)
        low, high = pairs[surest]
        better, worse = (high, low) if estimate.difference >= 0 else (low, high)
        yield _Tested(
            name, text(values[better]), text(values[worse]), _positive(estimate), len(pairs), len(having), paired=True
        )


def _between(everything: Paired) -> Iterator[_Tested | TooFew]:
    for name in sorted({name for trial in everything.trials for name in trial.params}):
        having = everything.having(name)
        found = levels([trial.params[name] for trial in having.trials])
        counts = np.bincount(found.codes, minlength=len(found.names))
        if len(found.names) < 2:
            continue
        usable = np.flatnonzero(counts >= _FEWEST_AT_LEVEL)
        if len(usable) < 2 or len(having.trials) < FEWEST_BETWEEN:
            yield TooFew(name, len(having.trials), FEWEST_BETWEEN)
            continue
        some = having.among(np.isin(found.codes, usable))
        codes = found.codes[np.isin(found.codes, usable)]
        pairs = list(combinations(range(len(usable)), 2))
        design = indicators(codes)
        estimates = [_difference(some, design, pair) for pair in pairs]
        surest, estimate = _surest(estimates)
        low, high = pairs[surest]
        estimate, beside = _least(some, design, (low, high), name, estimate)
        better, worse = (high, low) if estimate.difference >= 0 else (low, high)
        yield _Tested(
            name,
            found.names[usable[better]],
            found.names[usable[worse]],
            _positive(estimate),
            len(pairs),
            len(some.trials),
            paired=False,
            allowing_for=beside,
        )


def _difference(trials: Paired, design: Floats, pair: tuple[int, int]) -> Estimate | None:
    """Of the second level of a pair to the first; the levels are the first columns of the design. None where the design
    cannot tell them apart."""
    weights = np.zeros(design.shape[1])
    weights[pair[1]], weights[pair[0]] = 1.0, -1.0
    if not np.allclose(weights @ np.linalg.pinv(design) @ design, weights, atol=1e-6):
        return None
    return contrast(design, weights, trials.values, trials.aurocs_TE)


def _least(trials: Paired, design: Floats, pair: tuple[int, int], name: str, alone: Estimate) -> tuple[Estimate, str]:
    """The estimate that remains after allowing for one other setting, with the name of that one; of all settings, the
    one that leaves the least evidence."""
    least, beside = alone, ""
    for other in sorted(set.intersection(*(set(trial.params) for trial in trials.trials)) - {name}):
        values = [trial.params[other] for trial in trials.trials]
        if len(set(values)) < 2:
            continue
        estimate = _difference(trials, np.hstack([design, _fixed(values)]), pair)
        if estimate is None:  # one is always the other: nobody can say which of them it is
            return Estimate(alone.difference, math.inf, 1.0), other
        if estimate.difference * alone.difference <= 0 or estimate.p() > least.p():
            least, beside = estimate, other
    return least, beside


def _fixed(values: Sequence[Any]) -> Floats:
    """(T, P) columns that hold another setting fixed: of numbers finer parts than they are compared at, and their
    rank, as what is left within a part would pass for the effect of a setting that goes with it."""
    at = levels(values, most=_PARTS_FIXED)
    columns = [indicators(at.codes)[:, 1:]]
    if len(at.names) > 2 and all(isinstance(value, int | float) for value in values):
        columns.append(rankdata(values)[:, None] / len(values))
    return np.hstack(columns)


def _surest(estimates: Sequence[Estimate | None]) -> tuple[int, Estimate]:
    """The place of the estimate with the smallest p-value, of equals the one with the largest difference."""
    known = [(place, estimate) for place, estimate in enumerate(estimates) if estimate is not None]
    return min(known, key=lambda one: (one[1].p(), -abs(one[1].difference)))


def _positive(estimate: Estimate) -> Estimate:
    return Estimate(abs(estimate.difference), estimate.variance, estimate.freedom)
