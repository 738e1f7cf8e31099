"""Configurations that are known before anything runs, and are run whole: every one of them, in this order.

A design answers a question that a search for the best cannot: how AUROC moves along each setting while the others stay
where the paper has them (`one_at_a_time`), what each term of the loss adds (`ablation`), how exactly these
configurations compare (`listed`), or every combination (`grid`).

Every search, a design or not, has a *reference* that its findings are held against: the paper's configuration as far as
the space has it.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna

from coftad.types import FineTuning
from tune_runner.parameters import Choice, Parameter, Parameters
from tune_runner.space import KINDS, Space, enumerate_training, optuna_name, suggest, walk
from tune_runner.spec_fields import refusal
from tune_runner.spec_model import Search
from tune_runner.written import written_number
from tune_runner.yaml_lines import Scalar, shown

Point = dict[str, Any]
"""Optuna's names -> values."""

DESIGNS = ("grid", "one_at_a_time", "ablation", "listed")


def points(space: Space, search: Search) -> list[Point]:
    """What a search runs before its sampler is asked, each once: a whole design, else the reference alone."""
    match search.sampler:
        case "grid":
            found = enumerate_training(space)
        case "one_at_a_time":
            found = one_at_a_time(space, search.reference)
        case "ablation":
            found = [point for _, point in ablation(space, search.reference, search.target)]
        case "listed":
            found = [complete(space, {**search.reference, **each}, {}) for each in search.configurations]
        case _:
            found = [complete(space, search.reference, {})]
    return list({key(point): point for point in found}.values())


def one_at_a_time(space: Space, reference: Mapping[str, Scalar]) -> list[Point]:
    """The reference point first, then every value of every parameter with all the others at the reference.

    A parameter that exists only under a choice is varied under that choice. Ranges are laid out as their grid.
    """
    found = [complete(space, reference, {})]
    for axis in axes(space, reference):
        found += [point for _, point in axis.points]
    return found


TERMS: Mapping[str, Scalar] = {"lambda_pp": 0.0, "negative_augmentation": "none"}
"""What a term of Eq. 6 beside the contrastive one is left out by."""


def ablation(space: Space, reference: Mapping[str, Scalar], target: Mapping[str, Scalar]) -> list[tuple[str, Point]]:
    """(what is new, configuration): from the contrastive loss alone, term by term, to the reference, as in Table VI,
    and on to the target, if there is one, one setting after the other.

    No fine-tuning at all is the point 0 of each one's trajectory. A term that the space cannot leave out stays in.
    """
    whole = complete(space, reference, {})
    fields = fields_of(space, whole)
    left_out = {name: off for name, off in TERMS.items() if fields.get(name, off) != off and _can(space, name, off)}
    bare = {**fields, **left_out}
    found = [("contrastive loss", complete(space, bare, {}))] if left_out else []
    if "lambda_pp" in left_out and _can(space, "positive_pair", "fixed_centre"):
        instead = {**bare, "lambda_pp": fields["lambda_pp"], "positive_pair": "fixed_centre"}
        found.append(("fixed centre in its place", complete(space, instead, {})))
    for name in left_out:
        bare[name] = fields[name]
        found.append((f"+ {_told(name, fields[name])}", complete(space, bare, {})))
    return [*(found or [("reference", whole)]), *(between(space, reference, target) if target else [])]


def between(space: Space, one: Mapping[str, Scalar], other: Mapping[str, Scalar]) -> list[tuple[str, Point]]:
    """(what is new, configuration) after each setting that has to change on the way from `one` to `other`, in the order
    of the file; the last is `other`. Fields that are not named are the reference's."""
    fields = fields_of(space, complete(space, one, {}))
    end = fields_of(space, complete(space, {**one, **other}, {}))
    found = []
    for name in dict.fromkeys(field for _, field, _ in walk(space.parameters) if field in end):
        now = fields_of(space, complete(space, fields, {}))
        if now.get(name) != end[name]:
            fields[name] = end[name]
            found.append((_told(name, end[name]), complete(space, fields, {})))
    return found


def fields_of(space: Space, point: Point) -> dict[str, Scalar]:
    """Field -> value of a configuration that Optuna has by its own names."""
    return suggest(space, optuna.trial.FixedTrial(point))


def _told(name: str, value: Scalar) -> str:
    return f"{name} = {written_number(value) if isinstance(value, float) else shown(value)}"


def _can(space: Space, field: str, value: Scalar) -> bool:
    return any(name == field and parameter.contains(value) for _, name, parameter in walk(space.parameters))


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


def problems(space: Space, given: Mapping[str, Scalar]) -> dict[str, str]:
    """What is wrong with a reference, a target or a listed configuration, by field."""
    found = {}
    known: dict[str, list[Parameter]] = defaultdict(list)
    for _, name, parameter in walk(space.parameters):
        known[name].append(parameter)
    for name, value in given.items():
        if name not in known:
            found[name] = f"is no parameter of the space; {', '.join(known) or 'there are none'}"
        elif not any(_takes(name, parameter, value) for parameter in known[name]):
            found[name] = refusal(value, " or ".join(_taken(name, parameter) for parameter in known[name]))
    return found


def _takes(name: str, parameter: Parameter, value: Scalar) -> bool:
    return parameter.contains(value) if KINDS[name] == "training" else value in parameter.grid()


def _taken(name: str, parameter: Parameter) -> str:
    """A scoring range is scored at its grid only."""
    return parameter.text() if KINDS[name] == "training" else "one of " + ", ".join(map(shown, parameter.grid()))


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
