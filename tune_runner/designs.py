"""Configurations that are known before anything runs, and are run whole: every one of them, in this order.

A design answers a question that a search for the best cannot: how AUROC moves along each setting while the others stay
where the paper has them (`one_at_a_time`), or at every combination of listed values (`grid`).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coftad.types import FineTuning
from tune_runner.parameters import Choice, Parameter, Parameters
from tune_runner.space import KINDS, Space, enumerate_training, optuna_name, walk
from tune_runner.spec_fields import refusal
from tune_runner.yaml_lines import Scalar

Point = dict[str, Any]
"""Optuna's names -> values."""

DESIGNS = ("grid", "one_at_a_time")


def points(space: Space, design: str, reference: Mapping[str, Scalar]) -> list[Point]:
    """The design's configurations, each once. reference: field -> value, as `one_at_a_time` takes it."""
    return enumerate_training(space) if design == "grid" else one_at_a_time(space, reference)


def one_at_a_time(space: Space, reference: Mapping[str, Scalar]) -> list[Point]:
    """The reference point first, then every value of every parameter with all the others at the reference.

    A parameter that exists only under a choice is varied under that choice. Ranges are laid out as their grid.
    """
    found = [complete(space, reference, {})]
    for axis in axes(space, reference):
        found += [point for _, point in axis.points]
    return list({key(point): point for point in found}.values())


def key(point: Point) -> tuple[tuple[str, str], ...]:
    """The same for the same configuration."""
    return tuple(sorted((name, repr(value)) for name, value in point.items()))


@dataclass(frozen=True)
class Axis:
    """One parameter, and the configurations that differ in it only, by its value as the user wrote it, ascending.

    name: with the choice it stands under, such as `void.lambda_np`. centre: the value in their midst, which is the
    reference's, or what the reference would take if its choice were made.
    """

    name: str
    centre: Scalar
    points: tuple[tuple[Scalar, Point], ...]


def axes(space: Space, reference: Mapping[str, Scalar]) -> list[Axis]:
    """Of every training parameter, in the order of the file."""
    found = []
    for made, prefix, name, parameter in _walk(space.parameters, "", {}):
        own = optuna_name(prefix, name, parameter)
        centre: Any = parameter.decode(complete(space, reference, made)[own])
        values: Sequence[Any] = parameter.grid()
        if not isinstance(parameter, Choice):  # in place of a value that is the centre but for its last bit, the centre
            values = sorted({centre, *(value for value in values if not math.isclose(value, centre))})
        points = ((value, complete(space, reference, {**made, own: parameter.encode(value)})) for value in values)
        found.append(Axis(prefix + name, centre, tuple(points)))
    return found


def problems(space: Space, reference: Mapping[str, Scalar]) -> dict[str, str]:
    """What is wrong with a reference, by field."""
    found = {}
    known: dict[str, list[Parameter]] = defaultdict(list)
    for _, name, parameter in walk(space.parameters):
        if KINDS[name] == "training":
            known[name].append(parameter)
    for name, value in reference.items():
        if name not in known:
            found[name] = f"is no training parameter of the space; {', '.join(known) or 'there are none'}"
        elif not any(parameter.contains(value) for parameter in known[name]):
            found[name] = refusal(value, " or ".join(parameter.text() for parameter in known[name]))
    return found


def _walk(parameters: Parameters, prefix: str, made: Point) -> Iterator[tuple[Point, str, str, Parameter]]:
    """Every training parameter with the choices that have to be made for it to exist."""
    for name, parameter in parameters.items():
        if KINDS[name] != "training":
            continue
        yield made, prefix, name, parameter
        if isinstance(parameter, Choice):
            for value, branch in parameter.branches.items():
                chosen = {**made, optuna_name(prefix, name, parameter): value}
                yield from _walk(branch, f"{prefix}{value}.", chosen)


def complete(space: Space, reference: Mapping[str, Scalar], made: Point) -> Point:
    """A whole configuration: what is `made`, and the reference for the rest.

    Where the reference names no value for a field it is the paper's, and where the parameter cannot take that, the
    middle of its grid.
    """
    point: Point = {}

    def level(parameters: Parameters, prefix: str) -> None:
        for name, parameter in parameters.items():
            if KINDS[name] != "training":
                continue
            own = optuna_name(prefix, name, parameter)
            point[own] = made[own] if own in made else parameter.encode(_at(parameter, name, reference))
            if isinstance(parameter, Choice):
                level(parameter.branches.get(point[own], {}), f"{prefix}{point[own]}.")

    level(space.parameters, "")
    return point


def _at(parameter: Parameter, name: str, reference: Mapping[str, Scalar]) -> Scalar:
    wanted = reference.get(name, _PAPERS.get(name))
    if wanted is not None and parameter.contains(wanted):
        return wanted
    grid = parameter.grid()
    return grid[len(grid) // 2]


_PAPERS: Mapping[str, Scalar] = vars(FineTuning())
