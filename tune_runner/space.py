"""The one interpreter of a search space: what Optuna samples, and what every trained model is scored at for free.

A field of `FineTuning` is a *training* parameter, one of `Scoring` a *scoring* parameter, `steps` the *trajectory*
parameter. Optuna sees only the first kind. The others become the rows of a trial, whatever the user wrote them as.

Optuna's names are flat: a parameter has its own name, one under a choice `<value>.<name>` (`void.lambda_np`), and one
that is sampled as its complement `1-<name>` (`1-beta`), so that its storage never shows one number and means another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import product
from typing import Literal

import optuna

from coftad.scorers import reads
from coftad.trial import TrialConfig
from coftad.types import FineTuning, Scoring
from tune_runner.parameters import Choice, Int, LogComplement, Parameter, Parameters
from tune_runner.quiet import quiet
from tune_runner.yaml_lines import Scalar, shown

MAX_ROWS = 2_000  # scores of one episode and of 1,000 images are then 16 MB
MAX_ENUMERATED = 100_000

Kind = Literal["training", "scoring", "trajectory"]
KINDS: Mapping[str, Kind] = {
    **{each.name: "training" for each in fields(FineTuning)},
    **{each.name: "scoring" for each in fields(Scoring)},
    "steps": "trajectory",
}


@dataclass(frozen=True)
class Space:
    """Parameters by the name of their field, in the order of the file, which is the order Optuna is asked in."""

    parameters: Parameters = field(default_factory=dict)


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


def as_written(space: Space, params: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Optuna's names and values as the user writes them, in the order of the file: `beta`, not `1-beta`, and its value
    is the float that is trained with; one under a choice keeps its prefix. Names that the space lacks stay as they are.
    """
    known = {optuna_name(*each): each for each in walk(space.parameters)}
    written = {
        prefix + name: parameter.decode(params[stored])
        for stored, (prefix, name, parameter) in known.items()
        if stored in params
    }
    return written | {name: value for name, value in params.items() if name not in known}


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


def scratch(sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
    """An empty study in memory, to look at a space with and throw away; Optuna would announce it."""
    with quiet():
        return optuna.create_study(sampler=sampler)


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
    return Scoring(**scoring_values(scoring))  # type: ignore[arg-type]


def scoring_values(scoring: Scoring) -> dict[str, Scalar]:
    """Field -> value of those fields that its scorer reads, in the order of `Scoring`: what a reader is shown of it."""
    read = reads(scoring.scorer)
    return {name: value for name, value in asdict(scoring).items() if name in read}


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
