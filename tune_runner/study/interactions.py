"""Pairs of parameters that matter together: what one does depends on the other.

The second order of the functional ANOVA, on the levels at which a heat map can be looked at, by least squares: what the
cells of a pair explain beyond both parameters alone, and beyond every other training parameter alone. Optuna has no
second order in public. Its internal trees have one, which is not used: a tree counts the noise that it fits as
interactions, of which there are more than parameters, and it splits greedily, so that it misses two parameters which
do nothing by themselves. Least squares on levels has neither fault, since the variance that noise alone would explain
is known and taken off (ω², Hays 1963); a share is then as often too small as too large, and cut off at 0.

Scoring settings and steps are compared within each fine-tuned training. There the pair is a difference of differences,
from which all that a training's rows have in common drops out: its own noise, and its episodes' level.

Only pairs are reported that are shown: an F-test and the interval of the share, both corrected for the number of pairs
(Šidák 1967), agree; a heat map of noise has a pattern, too. The interval inverts the noncentral F distribution
(Steiger 2004). Within trainings the test counts a training as one number, as if its rows were one (the lower bound of
Greenhouse and Geisser 1959), which shows too little rather than too much. The strongest pairs are chosen on the same
data, so their shares lean towards large.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import f, ncf

from coftad.seeding import numpy_generator
from tune_runner.study import evidence
from tune_runner.study.branching import by_branch, conditions, parameters
from tune_runner.study.effects import levels_within, varying
from tune_runner.study.evidence import LEVEL
from tune_runner.study.levels import BIN, Levels, levels, text
from tune_runner.study.paired import Paired, paired
from tune_runner.study.trainings import Training

Floats = NDArray[np.float64]

FEWEST_TRIALS = 24  # that have both: BIN for each of the fewest cells
_MOST_TRIALS = 2000  # looked at, evenly drawn from more
_MOST_LEVELS = 5
_FEWEST_FREE = 10  # trials beyond what is fitted, from which the noise is known
_LARGEST = 1e4  # noncentrality; scipy's distribution ends not far beyond
_ROUNDING = 1e-9  # of a sum, below which a difference is rounding


@dataclass(frozen=True)
class Interaction:
    """share: of the variance of AUROC that the pair explains beyond both alone, with its 95 % interval, and p its
    corrected test. AUROC is that of a trial's best row after fine-tuning in a pair of training parameters, else the
    mean over rows of one value.

    auroc: (A, B) mean search AUROC at the levels of both, None where there is no trial; trials: (A, B) counts. Of the
    trials that have both parameters.
    """

    first: str
    second: str
    share: float
    interval: tuple[float, float]
    first_levels: tuple[str, ...]
    second_levels: tuple[str, ...]
    auroc: tuple[tuple[float | None, ...], ...]
    trials: tuple[tuple[int, ...], ...]
    p: float = 0.0

    @property
    def shown(self) -> bool:
        return evidence.shown(self.p, self.interval)


def interactions(trainings: Sequence[Training], *, seed: int, most: int = 4) -> list[Interaction]:
    """The pairs that are shown, strongest first. Empty below FEWEST_TRIALS. A conditional parameter is paired with
    others among the trials that have it."""
    everything = paired(trainings)
    by_number = {one.trial.number: one for one in trainings}
    where = conditions(everything.trials)
    generator = numpy_generator(seed, "interactions")
    pairs: list[_Pair] = []
    for made, rows in by_branch(everything.trials):
        if len(rows) >= FEWEST_TRIALS:
            chosen = everything.among(np.sort(generator.permutation(rows)[:_MOST_TRIALS]))
            some = [by_number[trial.number] for trial in chosen.trials]
            pairs += _pairs(chosen, some, {name for name in where if where[name] == made}, whole=made is None)
    tested = [(pair, explained) for pair in pairs if (explained := _explained(pair)) is not None]
    results = [_interaction(pair, explained, len(tested)) for pair, explained in tested]
    return sorted((result for result in results if result.shown), key=lambda result: -result.share)[:most]


@dataclass(frozen=True)
class _Pair:
    """table_TK: AUROC, K a trial. response_TK: what is left of it to be explained by tested_TP beyond others_TQ.
    cells_TAB: AUROC at the levels of both, NaN where the trial is not."""

    first: str
    second: str
    first_levels: tuple[str, ...]
    second_levels: tuple[str, ...]
    table_TK: Floats
    response_TK: Floats
    tested_TP: Floats
    others_TQ: Floats
    cells_TAB: Floats


@dataclass(frozen=True)
class _Explained:
    """share: of the variance of AUROC; below 0 where the pair explains less than noise would. ratio: the F statistic,
    with its degrees of freedom; unit: the share that one unit of its noncentrality is."""

    share: float
    ratio: float
    degrees: int
    free: float
    unit: float

    def p(self, family: int) -> float:
        return float(-np.expm1(family * np.log1p(-min(f.sf(self.ratio, self.degrees, self.free), 1 - 1e-16))))

    def interval(self, family: int) -> tuple[float, float]:
        """Simultaneous with those of so many pairs."""
        outside = -np.expm1(np.log1p(-LEVEL) / family) / 2
        low, high = (self._noncentrality(at) for at in (outside, 1 - outside))
        return min(self.unit * low, 1.0), min(self.unit * high, 1.0)

    def _noncentrality(self, above: float) -> float:
        """Under which so large a ratio, or a larger one, has the probability `above`; 0 where it is less without
        any."""

        def excess(noncentrality: float) -> float:
            return float(ncf.sf(self.ratio, self.degrees, self.free, noncentrality)) - above

        if f.sf(self.ratio, self.degrees, self.free) >= above:
            return 0.0
        end = 10.0 + 2 * self.ratio * self.degrees
        while excess(end) < 0 and end < _LARGEST:
            end *= 2
        return float(brentq(excess, 1e-9, end)) if excess(end) > 0 else end


def _pairs(trials: Paired, trainings: Sequence[Training], own: set[str], *, whole: bool) -> Iterator[_Pair]:
    """Those with one of the `own` training parameters, and if it is the whole, pairs within trainings."""
    names = parameters(trials.trials)
    count = len(trials.trials)
    at = {name: _levels(trials, name, count // BIN) for name in names}
    coarse = {name: _levels(trials, name, math.isqrt(count // BIN)) for name in names}
    values = trials.values
    for first, second in combinations(names, 2):
        if own & {first, second}:
            yield _between(first, second, coarse, values)
    place = {trial.number: index for index, trial in enumerate(trials.trials)}
    rows = varying(trainings)
    for second in rows:
        points, table, there = _table(trials, trainings, place, second)
        for first in names:
            if first in own and len(points) > 1 and len(there) >= FEWEST_TRIALS:
                yield _within(first, second, _at(at, there), tuple(map(text, points)), table)
    for first, second in combinations(rows if whole else [], 2):
        cells, table, there = _table(trials, trainings, place, first, second)
        sides = [sorted({cell[side] for cell in cells}) for side in (0, 1)]
        complete = len(cells) == len(sides[0]) * len(sides[1]) and min(map(len, sides)) > 1
        if complete and len(there) >= FEWEST_TRIALS:
            yield _inside(first, second, sides, table)


def _table(
    trials: Paired, trainings: Sequence[Training], place: dict[int, int], *names: str
) -> tuple[list[Any], Floats, NDArray[np.intp]]:
    """The values that `levels_within` gives, (T, L) AUROCs, and the places of these T among the trials. Those that were
    dropped are shifted by what they would have had on the episodes that they missed."""
    values, having, table_TLE = levels_within(trainings, *names)
    there = np.array([place[one.trial.number] for one in having], dtype=np.intp)
    if not values:
        return values, np.zeros((len(having), 0)), there
    own = np.array([one.aurocs_ER[:, one.best].mean() for one in having])
    return values, np.nanmean(table_TLE, axis=2) + (trials.values[there] - own)[:, None], there


def _at(at: dict[str, Levels], rows: NDArray[np.intp]) -> dict[str, Levels]:
    """Of some of the trials."""
    return {name: Levels(all_of.names, all_of.codes[rows]) for name, all_of in at.items()}


def _levels(trials: Paired, name: str, most: int) -> Levels:
    return levels([trial.params[name] for trial in trials.trials], most=min(most, _MOST_LEVELS))


def _between(first: str, second: str, at: dict[str, Levels], values: Floats) -> _Pair:
    """Two training parameters: a trial is in one cell."""
    one, other = at[first], at[second]
    place = one.codes * len(other.names) + other.codes
    cells = np.full((len(values), len(one.names) * len(other.names)), np.nan)
    cells[np.arange(len(values)), place] = values
    return _Pair(
        first,
        second,
        one.names,
        other.names,
        table_TK=values[:, None],
        response_TK=values[:, None] - values.mean(),
        tested_TP=_indicators(place),
        others_TQ=_main_effects(at.values(), len(values)),
        cells_TAB=cells.reshape(-1, len(one.names), len(other.names)),
    )


def _within(first: str, second: str, at: dict[str, Levels], points: tuple[str, ...], table_TW: Floats) -> _Pair:
    """A training parameter, and one that took all of its values in each training."""
    one = at[first]
    cells = np.full((len(table_TW), len(one.names), len(points)), np.nan)
    cells[np.arange(len(table_TW)), one.codes] = table_TW
    return _Pair(
        first,
        second,
        one.names,
        points,
        table_TK=table_TW,
        response_TK=table_TW - table_TW.mean(1, keepdims=True),
        tested_TP=_indicators(one.codes),
        others_TQ=_main_effects([found for name, found in at.items() if name != first], len(table_TW)),
        cells_TAB=cells,
    )


def _inside(first: str, second: str, sides: list[list[Any]], table_TK: Floats) -> _Pair:
    """Two parameters that took all of their values in each training: the mean difference of differences."""
    cells = table_TK.reshape(-1, len(sides[0]), len(sides[1]))
    both = cells - cells.mean(1, keepdims=True) - cells.mean(2, keepdims=True) + cells.mean((1, 2), keepdims=True)
    return _Pair(
        first,
        second,
        tuple(map(text, sides[0])),
        tuple(map(text, sides[1])),
        table_TK=table_TK,
        response_TK=both.reshape(table_TK.shape),
        tested_TP=np.ones((len(table_TK), 1)),
        others_TQ=np.ones((len(table_TK), 0)),
        cells_TAB=cells,
    )


def _indicators(codes: NDArray[np.intp]) -> Floats:
    """(T, L) of 0 and 1."""
    return (codes[:, None] == np.unique(codes)).astype(float)


def _main_effects(found: Iterable[Levels], trials: int) -> Floats:
    return np.hstack([np.ones((trials, 1)), *(_indicators(each.codes) for each in found)])


def _explained(pair: _Pair) -> _Explained | None:
    """None where there is nothing to explain, or too few trials to know the noise."""
    columns = np.hstack([pair.others_TQ, pair.tested_TP, pair.response_TK])
    gram = columns.T @ columns
    responses, others = pair.response_TK.shape[1], pair.others_TQ.shape[1]
    total = float(np.trace(gram[-responses:, -responses:]))
    before, fixed = _residual(gram, others, responses)
    after, fitted = _residual(gram, others + pair.tested_TP.shape[1], responses)
    size = len(pair.table_TK)
    free, degrees = size - fitted, fitted - fixed
    if total == 0 or degrees < 1 or free < _FEWEST_FREE:
        return None
    noise = max(after, _ROUNDING * total) / free
    unit = noise / (size * responses * float(pair.table_TK.var()))
    ratio = (before - after) / degrees / noise
    return _Explained(unit * degrees * (ratio - 1), ratio, degrees, float(free), unit)


def _residual(gram: Floats, columns: int, responses: int) -> tuple[float, int]:
    """The sum of squares that the first columns leave of the last, and how many of the first are independent."""
    roots, vectors = np.linalg.eigh(gram[:columns, :columns])
    kept = roots > roots.max(initial=0.0) * _ROUNDING
    fitted = (vectors[:, kept].T @ gram[:columns, -responses:]) ** 2 / roots[kept, None]
    return float(np.trace(gram[-responses:, -responses:]) - fitted.sum()), int(kept.sum())


def _interaction(pair: _Pair, explained: _Explained, family: int) -> Interaction:
    here = ~np.isnan(pair.cells_TAB)
    trials = here.sum(0)
    auroc = np.where(here, pair.cells_TAB, 0.0).sum(0) / np.maximum(trials, 1)
    return Interaction(
        pair.first,
        pair.second,
        min(max(explained.share, 0.0), 1.0),
        explained.interval(family),
        pair.first_levels,
        pair.second_levels,
        tuple(
            tuple(float(mean) if n else None for mean, n in zip(*line, strict=True))
            for line in zip(auroc, trials, strict=True)
        ),
        tuple(tuple(map(int, line)) for line in trials),
        explained.p(family),
    )
