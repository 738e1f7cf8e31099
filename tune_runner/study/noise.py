"""The noise floor: how far apart configurations would lie if none differed from another.

Every configuration is run on the same episodes, which are replicates of it. What is left of an AUROC after its
configuration's mean and its episode's are taken out (two-way layout without replication, Scheffé 1959, ch. 4) is what
the draw of the support set and the seed do to this configuration in particular. Its variance over the number of
episodes is that of a configuration's mean; no difference between two configurations much below it can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coftad.metrics import interval
from coftad.seeding import numpy_generator
from tune_runner.study.paired import paired
from tune_runner.study.trainings import Training

Floats = NDArray[np.float64]

FEWEST_TRIALS = 20  # a variance of fewer is known to within a third at best
_RESAMPLES = 1000
_ROUNDING = 1e-24  # a square of AUROCs' that is rounding
_TINY = 1e-30


@dataclass(frozen=True)
class Noise:
    """How much of what separates configurations would be there without any effect.

    deviation: standard deviation, in AUROC, of one configuration's mean over its `episodes` that comes from episodes,
    what all configurations have in common in an episode taken out. share: its square, of the variance between the
    configurations' means; at most 1. Both with 95 % bootstrap intervals over configurations.
    """

    deviation: float
    deviation_interval: tuple[float, float]
    share: float
    share_interval: tuple[float, float]
    trials: int
    episodes: int


def replicates(trainings: Sequence[Training]) -> Floats:
    """(T, E) for `noise`: of the complete trials among these; one column where the study has not kept its episodes."""
    complete = paired([one for one in trainings if one.complete])
    return complete.common_E + complete.excess_TE


def noise(table_TE: Floats, *, seed: int) -> Noise | None:
    """table_TE: AUROC of each trial at its best row after fine-tuning in each episode, complete trials only. None
    where it cannot be known: from one episode, fewer than FEWEST_TRIALS, or trials that are all alike."""
    trials, episodes = table_TE.shape
    if episodes < 2 or trials < FEWEST_TRIALS or np.ptp(table_TE.mean(1)) == 0:
        return None
    own_TE = table_TE - table_TE.mean(1, keepdims=True) - table_TE.mean(0) + table_TE.mean()
    means_T = table_TE.mean(1) - table_TE.mean()
    residual_T, between_T = (own_TE**2).sum(1), means_T**2
    if residual_T.max() < _ROUNDING:
        return Noise(0.0, (0.0, 0.0), 0.0, (0.0, 0.0), trials, episodes)
    second = [residual_T**2, residual_T * between_T, between_T**2]
    moments = np.column_stack([residual_T, between_T, *second, means_T, own_TE])
    generator = numpy_generator(seed, "noise")
    totals = [moments.sum(0)]
    for _ in range(_RESAMPLES):  # sums over drawn trials; one at a time, as ten thousand trials are many
        drawn = np.bincount(generator.integers(trials, size=trials), minlength=trials)
        totals.append(drawn @ moments)
    (variances, variance_errors), (shares, share_errors) = _logs(np.array(totals) / trials, trials)
    deviation = _studentised(variances, variance_errors, -np.log(episodes * (episodes - 1) * (1 - 1 / trials))) ** 0.5
    share = np.minimum(_studentised(shares, share_errors, -np.log(episodes * (episodes - 1))), 1.0)
    return Noise(
        deviation=float(deviation[0]),
        deviation_interval=(float(deviation[1]), float(deviation[2])),
        share=float(share[0]),
        share_interval=(float(share[1]), float(share[2])),
        trials=trials,
        episodes=episodes,
    )


def _logs(mean_RM: Floats, trials: int) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Logarithm and its standard error, each (R,), of the mean squared residual and of its ratio to the mean square
    between trials; from the means over (drawn) trials of the moments in `noise`."""
    mean, centre_RE = mean_RM[:, 5], mean_RM[:, 6:]
    squares, between, squares_2, both, between_2 = np.maximum(mean_RM[:, :5].T, _TINY)
    residual = np.maximum(squares - (centre_RE**2).sum(1), _TINY)
    spread = np.maximum(between - mean**2, _TINY)
    relative = squares_2 / squares**2 - 1  # variance of one trial's share of the mean
    of_ratio = relative + between_2 / between**2 + 1 - 2 * both / (squares * between)
    errors, ratio_errors = np.sqrt(np.maximum([relative, of_ratio], _TINY) / trials)
    return (np.log(residual), errors), (np.log(residual / spread), ratio_errors)


def _studentised(logs_R: Floats, errors_R: Floats, offset: float) -> Floats:
    """(3,): point and 95 % bootstrap-t interval (Efron & Tibshirani 1993, ch. 12.5) back from logarithms; of a variance
    from few trials, percentiles cover too seldom. The first of R is the point's own."""
    low, high = interval((logs_R[1:] - logs_R[0]) / errors_R[1:])
    return np.exp(offset + logs_R[0] - np.array([0.0, high, low]) * errors_R[0])
