"""What users wrote is what they read: names, values and settings on their way out of the study.

Optuna keeps `beta` as its complement, because its samplers know a logarithm of a parameter and not of what is left to
1 (see `tune_runner.parameters.LogComplement`). Everything that people or their programs read goes through here.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial

from coftad.scorers import reads
from coftad.types import Scoring
from tune_runner.parameters import LogComplement
from tune_runner.space import Space, as_written, optuna_name, walk

_COMPLEMENT = "1-"
_SCORING = asdict(Scoring()).keys()


def written_name(name: str) -> str:
    """Optuna's name of a parameter as the user wrote it: `beta` for `1-beta`, `void.beta` for `void.1-beta`."""
    prefix, dot, field = name.rpartition(".")
    return prefix + dot + field.removeprefix(_COMPLEMENT)


def written_trials(space: Space, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials with the names and values that the user wrote, and were trained with, in `params` and
    `distributions`; all else is shared with the trials given, and these are left as they are."""
    kept = {
        optuna_name(prefix, name, parameter): parameter
        for prefix, name, parameter in walk(space.parameters)
        if isinstance(parameter, LogComplement)
    }
    return [_written(space, kept, trial) if kept.keys() & trial.params.keys() else trial for trial in trials]


def _written(space: Space, kept: Mapping[str, LogComplement], trial: FrozenTrial) -> FrozenTrial:
    distributions: dict[str, BaseDistribution] = {}
    for name, distribution in trial.distributions.items():
        if (parameter := kept.get(name)) is not None:
            distribution = FloatDistribution(parameter.low, parameter.high)
        distributions[written_name(name) if name in kept else name] = distribution
    result = copy(trial)
    result.distributions = distributions
    result.params = as_written(space, trial.params)
    return result


def written_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a trial (steps, scoring values, and whatever was measured) without the scoring values that its scorer
    does not read: they would be read as if they mattered."""
    unread = _SCORING - reads(row["scorer"]) if "scorer" in row else frozenset()
    return {name: value for name, value in row.items() if name not in unread}


def written_number(value: float, digits: int = 4) -> str:
    """To `digits` significant digits, and just below 1 to as many of what is left to 1: 0.9995 is not 1."""
    if 0.5 < value < 1:
        left = f"{1 - value:.{digits - 1}e}"
        decimals = digits - 1 - int(left.partition("e")[2])
        return f"{value:.{decimals}f}".rstrip("0")
    return f"{value:.{digits}g}"
