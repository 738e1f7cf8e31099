"""The one interpreter of a search space: what Optuna samples, and what every trained model is scored at for free.

A field of `FineTuning` is a *training* parameter, one of `Scoring` a *scoring* parameter, `steps` the *trajectory*
parameter. Optuna sees only the first kind. The others become the rows of a trial, whatever the user wrote them as.

Optuna's names are flat: a parameter has its own name, one under a choice `<value>.<name>` (`void.lambda_np`), and one
that is sampled as its complement `1-<name>` (`1-beta`), so that its storage never shows one number and means another.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import product
from typing import Any, Literal

import optuna

from coftad.trial import TrialConfig
from coftad.types import FineTuning, Scoring
from tune_runner.yaml_lines import Scalar, shown

GRID_POINTS = 5  # of a range that is laid out for scoring: shows a peak inside, and every one costs on every model
LATTICE = 10  # whole numbers up to which a range of them is taken completely
MAX_ROWS = 2_000  # scores of one episode and of 1,000 images are then 16 MB
MAX_ENUMERATED = 100_000

Kind = Literal["training", "scoring", "trajectory"]
KINDS: Mapping[str, Kind] = {
    **{each.name: "training" for each in fields(FineTuning)},
    **{each.name: "scoring" for each in fields(Scoring)},
    "steps": "trajectory",
}
ONLY_FOR = {"epsilon": "gaussian", "neighbours": "knn"}  # scoring fields that one scorer reads and the others don't


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
        return f"{self.low:g} to {self.high:g}, its distance to 1 log-uniform"

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


@dataclass(frozen=True)
class Space:
    """Parameters by the name of their field, in the order of the file, which is the order Optuna is asked in."""

    parameters: Parameters = field(default_factory=dict)


def _same(one: Scalar, other: Scalar) -> bool:
    """1 is 1.0, but not true."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spread(low: float, high: float) -> tuple[float, ...]:
    return (*(low + (high - low) * i / (GRID_POINTS - 1) for i in range(GRID_POINTS - 1)), high)


def _log_spread(low: float, high: float) -> tuple[float, ...]:
    return (low, *(math.exp(x) for x in _spread(math.log(low), math.log(high))[1:-1]), high)


def plain(parameters: Parameters) -> dict[str, Any]:
    """As the YAML writes it."""
    return {name: parameter.plain() for name, parameter in parameters.items()}


def walk(parameters: Parameters, prefix: str = "") -> Iterator[tuple[str, str, Parameter]]:
    """Every parameter at any depth: (its prefix, such as `void.`; its field; itself), parents first."""
    for name, parameter in parameters.items():
        yield prefix, name, parameter
        if isinstance(parameter, Choice):
            for value, branch in parameter.branches.items():
                yield from walk(branch, f"{prefix}{value}.")


def optuna_name(prefix: str, name: str, parameter: Parameter) -> str:
    return f"{prefix}1-{name}" if isinstance(parameter, LogComplement) else f"{prefix}{name}"


def optuna_fields(space: Space) -> dict[str, str]:
    """Optuna's name -> the field of `FineTuning` that it sets."""
    return {optuna_name(*each): each[1] for each in walk(space.parameters) if KINDS[each[1]] == "training"}


def suggest(space: Space, trial: optuna.trial.BaseTrial) -> dict[str, Scalar]:
    """The training part of one configuration, field -> value, asked from `trial` define-by-run.

    With `optuna.trial.FixedTrial(params)` this replays what a stored trial was given.
    """
    chosen: dict[str, Scalar] = {}

    def level(parameters: Parameters, prefix: str) -> None:
        for name, parameter in parameters.items():
            if KINDS[name] == "training":
                chosen[name] = parameter.sample(trial, optuna_name(prefix, name, parameter))
                if isinstance(parameter, Choice):
                    level(parameter.branches.get(chosen[name], {}), f"{prefix}{chosen[name]}.")

    level(space.parameters, "")
    return chosen


def rows(
    space: Space, fixed: Mapping[str, Scalar], suggestion: Mapping[str, Scalar]
) -> tuple[tuple[int, ...], tuple[Scoring, ...]]:
    """Where one training is scored: (points of the trajectory, ascending; scoring values), each distinct.

    fixed: the sweep's fixed fields. suggestion: what `suggest` gave; it decides which branches exist.
    """
    assignments, points = _axes(space.parameters, suggestion)
    steps = points if points is not None else (fixed["steps"],)
    base = {name: value for name, value in fixed.items() if KINDS[name] == "scoring"}
    scorings = [_relevant(Scoring(**{**base, **each})) for each in assignments]  # type: ignore[arg-type]
    return tuple(sorted(set(steps))), tuple(dict.fromkeys(scorings))  # type: ignore[arg-type]


def _axes(
    parameters: Parameters, suggestion: Mapping[str, Scalar]
) -> tuple[list[dict[str, Scalar]], tuple[Scalar, ...] | None]:
    """All combinations of scoring values at this level and below, and the points if they are set here or below."""
    assignments: list[dict[str, Scalar]] = [{}]
    points: tuple[Scalar, ...] | None = None
    for name, parameter in parameters.items():
        if KINDS[name] == "trajectory":
            points = parameter.grid()
            continue
        branches = parameter.branches if isinstance(parameter, Choice) else {}
        options: list[dict[str, Scalar]] = []
        if KINDS[name] == "training":
            options, below = _axes(branches.get(suggestion[name], {}), suggestion)
            points = below if below is not None else points
        else:
            for value in parameter.grid():
                below_this, _ = _axes(branches.get(value, {}), suggestion)
                options += [{name: value, **each} for each in below_this]
        assignments = [{**left, **right} for left, right in product(assignments, options)]
    return assignments, points


def _relevant(scoring: Scoring) -> Scoring:
    """With what this scorer does not read at its default, so that equal rows are equal and scored once."""
    values = {each.name: getattr(scoring, each.name) for each in fields(Scoring)}
    return Scoring(**{k: v for k, v in values.items() if ONLY_FOR.get(k, scoring.scorer) == scoring.scorer})


def training_config(space: Space, fixed: Mapping[str, Scalar], suggestion: Mapping[str, Scalar]) -> TrialConfig:
    """What one trial runs: the fixed fields, the suggested ones, and the rows that follow."""
    base = {name: value for name, value in fixed.items() if KINDS[name] == "training"}
    points, scorings = rows(space, fixed, suggestion)
    return TrialConfig(FineTuning(**{**base, **suggestion}), points, scorings)  # type: ignore[arg-type]


def most_rows(parameters: Parameters) -> int:
    """An upper bound of the rows of one trial, before equal ones are merged."""

    def most(level: Parameters) -> tuple[int, int]:
        points, scorings = 1, 1
        for name, parameter in level.items():
            values: Sequence[Scalar] = parameter.grid()
            below = [most(branch) for branch in parameter.branches.values()] if isinstance(parameter, Choice) else []
            if KINDS[name] == "trajectory":
                points *= len(values)
            elif KINDS[name] == "training":
                points *= max((p for p, _ in below), default=1)
                scorings *= max((s for _, s in below), default=1)
            else:
                scorings *= len(values) - len(below) + sum(s for _, s in below)
        return points, scorings

    points, scorings = most(parameters)
    return points * scorings


def size(space: Space) -> int | None:
    """How many training configurations there are; None if a parameter is continuous."""

    def count(parameters: Parameters) -> int | None:
        total = 1
        for name, parameter in parameters.items():
            if KINDS[name] != "training":
                continue
            if not isinstance(parameter, Choice | Int):
                return None
            below = [count(branch) for branch in parameter.branches.values()] if isinstance(parameter, Choice) else []
            if None in below:
                return None
            total *= len(parameter.values) - len(below) + sum(each for each in below if each is not None)
        return total

    return count(space.parameters)


def enumerate_training(space: Space) -> list[dict[str, Scalar]]:
    """Every training configuration as Optuna's names -> values, to be enqueued one by one.

    ValueError for a continuous space and for more than MAX_ENUMERATED; a loaded `sampler: grid` has neither.
    """
    total = size(space)
    if total is None or total > MAX_ENUMERATED:
        raise ValueError(f"{'endlessly many' if total is None else total} configurations cannot be enumerated")

    def level(parameters: Parameters, prefix: str) -> list[dict[str, Scalar]]:
        result: list[dict[str, Scalar]] = [{}]
        for name, parameter in parameters.items():
            if KINDS[name] != "training":
                continue
            assert isinstance(parameter, Choice | Int)
            branches = parameter.branches if isinstance(parameter, Choice) else {}
            here = [
                {optuna_name(prefix, name, parameter): value, **below}
                for value in parameter.values
                for below in level(branches.get(value, {}), f"{prefix}{value}.")
            ]
            result = [{**left, **right} for left, right in product(result, here)]
        return result

    return level(space.parameters, "")


def describe(space: Space) -> list[tuple[str, Kind, str]]:
    """(name with the choice it stands under, kind, what it may be) for the plan; scoring ranges as their grid."""
    lines: list[tuple[str, Kind, str]] = []
    for prefix, name, parameter in walk(space.parameters):
        text = parameter.text()
        if KINDS[name] != "training":
            text = "all of " + ", ".join(f"{v:g}" if isinstance(v, float) else shown(v) for v in parameter.grid())
        lines.append((prefix + name, KINDS[name], text))
    return lines
