"""Pairs of parameters that matter together: what one does depends on the other.

The second order of the functional ANOVA, on the levels at which a heat map can be looked at, by least squares: what the
cells of a pair explain beyond both parameters alone, and beyond every other training parameter alone. Optuna has no
second order in public. Its internal trees have one, which is not used: a tree counts the noise that it fits as
interactions, of which there are more than parameters, and it splits greedily, so that it misses two parameters which
do nothing by themselves. Least squares on levels has neither fault, since the variance that noise alone would explain
is known and taken off (ω², Hays 1963); a share is then as often too small as too large, and cut off at 0.

Scoring and trajectory parameters are compared within each training. There the pair is a difference of differences, from
which all that a training's rows have in common drops out: its own noise, and its episodes' level.

Of all pairs only those are told that an F-test shows, corrected for their number (Benjamini and Hochberg 1995); a heat
map of noise has a pattern, too. Within trainings it counts a training as one number, as if its rows were one (the lower
bound of Greenhouse and Geisser 1959), which shows too little rather than too much. The strongest are chosen on the same
data, so their shares lean towards large.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial
from scipy.stats import f, false_discovery_control

from coftad.metrics import interval
from coftad.seeding import numpy_generator
from tune_runner.study.branching import by_branch, conditions, parameters
from tune_runner.study.effects import LEVEL, levels_within, varying
from tune_runner.study.levels import BIN, Levels, levels, text
from tune_runner.study.paired import Paired, paired
from tune_runner.study.scored import search_auroc

Floats = NDArray[np.float64]

FEWEST_TRIALS = 24  # that have both: BIN for each of the fewest cells
_MOST_TRIALS = 2000  # looked at, evenly drawn from more
_MOST_LEVELS = 5
_RESAMPLES = 200
_FEWEST_FREE = 10  # trials beyond what is fitted, from which the noise is known
_ROUNDING = 1e-9  # of a sum, below which a difference is rounding


@dataclass(frozen=True)
class Interaction:
    """share: of the variance of AUROC that the pair explains beyond both alone, with its 95 % bootstrap interval over
    trials. AUROC is that of a trial's best row in a pair of training parameters, else the mean over rows of one value.

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


def interactions(trials: Sequence[FrozenTrial], *, seed: int, most: int = 4) -> list[Interaction]:
    """The pairs that are shown, strongest first. Empty below FEWEST_TRIALS.

    Trials: complete ones, and those that were dropped after some episodes. A conditional parameter is paired with
    others among the trials that have it.
    """
    everything = paired(trials)
    where = conditions(everything.trials)
    generator = numpy_generator(seed, "interactions")
    pairs: list[_Pair] = []
    for made, rows in by_branch(everything.trials):
        if len(rows) >= FEWEST_TRIALS:
            chosen = everything.among(np.sort(generator.permutation(rows)[:_MOST_TRIALS]))
            pairs += _pairs(chosen, {name for name in where if where[name] == made}, whole=made is None)
    tested = [(pair, explained) for pair in pairs if (explained := _explained(pair)) is not None]
    corrected = false_discovery_control([explained.p for _, explained in tested]) if tested else []
    shown = [each for each, p in zip(tested, corrected, strict=True) if p < LEVEL]
    shown.sort(key=lambda each: -each[1].share)
    return [_interaction(pair, explained.share, generator) for pair, explained in shown[:most]]


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
    """share: of the variance of AUROC; below 0 where the pair explains less than noise would."""

    share: float
    p: float


def _pairs(trials: Paired, own: set[str], *, whole: bool) -> Iterator[_Pair]:
    """Those with one of the `own` training parameters, and if it is the whole, pairs within trainings."""
    names = parameters(trials.trials)
    count = len(trials.trials)
    at = {name: _levels(trials, name, count // BIN) for name in names}
    coarse = {name: _levels(trials, name, math.isqrt(count // BIN)) for name in names}
    values = trials.values
    for first, second in combinations(names, 2):
        if own & {first, second}:
            yield _between(first, second, coarse, values)
    shift = values - np.array([search_auroc(trial) for trial in trials.trials])  # of trials that were dropped
    rows = varying(trials.trials)
    for second in rows:
        points, table = levels_within(trials.trials, second)
        for first in names:
            if first in own and len(points) > 1:
                yield _within(first, second, at, tuple(map(text, points)), table + shift[:, None])
    for first, second in combinations(rows if whole else [], 2):
        cells, table = levels_within(trials.trials, first, second)
        sides = [sorted({cell[side] for cell in cells}) for side in (0, 1)]
        if len(cells) == len(sides[0]) * len(sides[1]) and min(map(len, sides)) > 1:
            yield _inside(first, second, sides, table + shift[:, None])


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


def _explained(pair: _Pair, weights_T: Floats | None = None) -> _Explained | None:
    """None where there is nothing to explain, or too few trials to know the noise. weights_T: how often a trial is
    drawn."""
    weights_T = np.ones(len(pair.table_TK)) if weights_T is None else weights_T
    columns = np.hstack([pair.others_TQ, pair.tested_TP, pair.response_TK])
    gram = (columns * weights_T[:, None]).T @ columns
    responses, others = pair.response_TK.shape[1], pair.others_TQ.shape[1]
    total = float(np.trace(gram[-responses:, -responses:]))
    before, fixed = _residual(gram, others, responses)
    after, fitted = _residual(gram, others + pair.tested_TP.shape[1], responses)
    size, free, degrees = weights_T.sum(), weights_T.sum() - fitted, fitted - fixed
    if total == 0 or degrees < 1 or free < _FEWEST_FREE:
        return None
    noise = max(after, _ROUNDING * total) / free
    mean = weights_T @ pair.table_TK.mean(1) / size
    variance = float(weights_T @ ((pair.table_TK - mean) ** 2).mean(1) / size)
    share = (before - after - degrees * noise) / (size * responses * variance)
    return _Explained(float(share), float(f.sf((before - after) / degrees / noise, degrees, free)))


def _residual(gram: Floats, columns: int, responses: int) -> tuple[float, int]:
    """The sum of squares that the first columns leave of the last, and how many of the first are independent."""
    roots, vectors = np.linalg.eigh(gram[:columns, :columns])
    kept = roots > roots.max(initial=0.0) * _ROUNDING
    fitted = (vectors[:, kept].T @ gram[:columns, -responses:]) ** 2 / roots[kept, None]
    return float(np.trace(gram[-responses:, -responses:]) - fitted.sum()), int(kept.sum())


def _interaction(pair: _Pair, share: float, generator: np.random.Generator) -> Interaction:
    count = len(pair.table_TK)
    drawn = (generator.multinomial(count, np.full(count, 1 / count)).astype(float) for _ in range(_RESAMPLES))
    samples = np.array([explained.share for weights in drawn if (explained := _explained(pair, weights)) is not None])
    # A drawn sample has the noise of the trials once more, which the correction does not know of: centred, it has not.
    low, high = np.clip(interval(share + samples - samples.mean()), 0, 1)
    here = ~np.isnan(pair.cells_TAB)
    trials = here.sum(0)
    auroc = np.where(here, pair.cells_TAB, 0.0).sum(0) / np.maximum(trials, 1)
    return Interaction(
        pair.first,
        pair.second,
        min(share, 1.0),
        (float(low), float(high)),
        pair.first_levels,
        pair.second_levels,
        tuple(
            tuple(float(mean) if n else None for mean, n in zip(*line, strict=True))
            for line in zip(auroc, trials, strict=True)
        ),
        tuple(tuple(map(int, line)) for line in trials),
    )
