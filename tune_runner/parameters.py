"""What one parameter of a search space may be: it validates nothing, samples itself, and lays itself out as a grid."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna

from tune_runner.yaml_lines import Scalar, shown

GRID_POINTS = 5  # of a range that is laid out for scoring: shows a peak inside, and every one costs on every model
LATTICE = 10  # whole numbers up to which a range of them is taken completely


class Plain:
    """A parameter that Optuna samples as the user wrote it."""

    def encode(self, value: Any) -> Any:
        """What Optuna's storage holds for a value of the field."""
        return value

    def decode(self, stored: Any) -> Any:
        return stored


class Interval(Plain):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float

    def encode(self, value: Any) -> float:
        return float(value)

    def contains(self, value: Scalar) -> bool:
        return _is_number(value) and self.low <= value <= self.high  # type: ignore[operator]


@dataclass(frozen=True)
class Choice(Plain):
    """One of `values`; `branches` holds the parameters that exist only under one of them."""

    values: tuple[Scalar, ...]
    branches: Mapping[Scalar, "Parameters"] = field(default_factory=dict)

    def sample(self, trial: optuna.trial.BaseTrial, name: str) -> Scalar:
        return trial.suggest_categorical(name, self.values)

    def contains(self, value: Scalar) -> bool:
        return any(_same(value, each) for each in self.values)

    def encode(self, value: Any) -> Any:
        return next((each for each in self.values if _same(value, each)), value)

    def grid(self) -> tuple[Scalar, ...]:
        return self.values

    def text(self) -> str:
        return "one of " + ", ".join(shown(value) for value in self.values)

    def plain(self) -> dict[str, Any]:
        branches = {value: plain(parameters) for value, parameters in self.branches.items()}
        return {"choice": [{value: branches[value]} if value in branches else value for value in self.values]}


@dataclass(frozen=True)
class Uniform(Interval):
    """A number in [low, high]."""

    low: float
    high: float

    def sample(self, trial: optuna.trial.BaseTrial, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high)

    def grid(self) -> tuple[float, ...]:
        return _spread(self.low, self.high)

    def text(self) -> str:
        return f"uniform in {self.low:g} to {self.high:g}"

    def plain(self) -> dict[str, Any]:
        return {"uniform": [self.low, self.high]}


@dataclass(frozen=True)
class LogUniform(Interval):
    """A number in [low, high], low > 0, whose logarithm is uniform."""

    low: float
    high: float

    def sample(self, trial: optuna.trial.BaseTrial, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, log=True)

    def grid(self) -> tuple[float, ...]:
        return _log_spread(self.low, self.high)

    def text(self) -> str:
        return f"log-uniform in {self.low:g} to {self.high:g}"

    def plain(self) -> dict[str, Any]:
        return {"loguniform": [self.low, self.high]}


@dataclass(frozen=True)
class LogComplement(Interval):
    """A number in [low, high] within (0, 1) whose distance to 1 is log-uniform: for decay rates such as beta."""

    low: float
    high: float

    def sample(self, trial: optuna.trial.BaseTrial, name: str) -> float:
        return self.decode(trial.suggest_float(name, 1 - self.high, 1 - self.low, log=True))

    def encode(self, value: Any) -> float:
        return min(max(1 - value, 1 - self.high), 1 - self.low)

    def decode(self, stored: Any) -> float:  # 1 - (1 - x) can miss x by the last bit
        return min(max(1 - stored, self.low), self.high)

    def grid(self) -> tuple[float, ...]:
        return tuple(self.decode(gap) for gap in reversed(_log_spread(1 - self.high, 1 - self.low)))

    def text(self) -> str:
        return f"{self.low!r} to {self.high!r}, its distance to 1 log-uniform"

    def plain(self) -> dict[str, Any]:
        return {"log_complement": [self.low, self.high]}


@dataclass(frozen=True)
class Int(Plain):
    """A whole number from low to high, both included, `step` apart."""

    low: int
    high: int
    step: int = 1

    def sample(self, trial: optuna.trial.BaseTrial, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, step=self.step)

    def contains(self, value: Scalar) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value in self.values

    @property
    def values(self) -> range:
        return range(self.low, self.high + 1, self.step)

    def grid(self) -> tuple[int, ...]:
        if len(self.values) <= LATTICE:
            return tuple(self.values)
        return tuple(self.values[round(i)] for i in _spread(0, len(self.values) - 1))

    def text(self) -> str:
        return f"whole number in {self.low} to {self.high}" + (f", step {self.step}" if self.step > 1 else "")

    def plain(self) -> dict[str, Any]:
        return {"int": [self.low, self.high, self.step]}


Parameter = Choice | Uniform | LogUniform | LogComplement | Int
Parameters = Mapping[str, Parameter]


def plain(parameters: Parameters) -> dict[str, Any]:
    """As the YAML writes it."""
    return {name: parameter.plain() for name, parameter in parameters.items()}


def _same(one: Scalar, other: Scalar) -> bool:
    """1 is 1.0, but not true."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spread(low: float, high: float) -> tuple[float, ...]:
    return (*(low + (high - low) * i / (GRID_POINTS - 1) for i in range(GRID_POINTS - 1)), high)


def _log_spread(low: float, high: float) -> tuple[float, ...]:
    return (low, *(math.exp(x) for x in _spread(math.log(low), math.log(high))[1:-1]), high)
