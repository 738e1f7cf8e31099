"""From the YAML under `space` to a `Space`, with everything that is wrong in it, at its line.

A definition is a mapping with one key: choice, uniform, loguniform, log_complement or int. What its numbers may be is
asked of the field of `FineTuning` or `Scoring` that it will set; only what concerns spaces is decided here.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coftad.types import FineTuning, Scoring, Steps
from tune_runner.parameters import Choice, Int, LogComplement, LogUniform, Parameter, Parameters, Uniform
from tune_runner.space import KINDS, MAX_ENUMERATED, MAX_ROWS, Kind, Space, most_rows, size, walk
from tune_runner.spec_fields import Accepts, accepts, did_you_mean, fields_of, refusal, unknown_key
from tune_runner.yaml_lines import Node, Problem, Scalar, shown

FIELDS: Mapping[str, Accepts] = {**fields_of(FineTuning), **fields_of(Scoring), "steps": accepts(Steps)}
RANGES: Mapping[str, type[Uniform] | type[LogUniform] | type[LogComplement]] = {
    "uniform": Uniform,
    "loguniform": LogUniform,
    "log_complement": LogComplement,
}
FORMS = ("choice", *RANGES, "int")
WHERE_VIEW = "lambda_np only matters where there is a negative view: write it under the choice"


class SpaceReader:
    """Reads one `space`. `fixed_per_sweep`: fields that the user may take for parameters -> where they belong."""

    def __init__(self, problems: list[Problem], fixed_per_sweep: Mapping[str, str]) -> None:
        self.problems = problems
        self.fixed_per_sweep = fixed_per_sweep
        self.nodes: dict[str, Node] = {}  # prefix + name -> where it is defined

    def read(self, node: Node | None) -> Space:
        """The space; of what is wrong only the problems remain."""
        if node is None or node.value is None:
            return Space()
        return Space(self._level(node, "", None)[0])

    def _level(self, node: Node, prefix: str, under: Kind | None) -> tuple[Parameters, set[str]]:
        """Parameters of one mapping, and all the fields they set at any depth. under: the kind of the choice around."""
        parameters: dict[str, Parameter] = {}
        used: set[str] = set()
        if not isinstance(node.value, dict):
            self.problems.append(node.problem(refusal(node.data(), "a mapping of parameters")))
            return parameters, used
        for name, definition in node.mapping.items():
            if definition.value is None:  # a profile or --set takes a parameter out of the space
                continue
            if not self._known(name, definition):
                continue
            kind = KINDS[name]
            if under == "scoring" and kind != "scoring":
                message = (
                    f"is a {kind} parameter and cannot depend on a scoring choice: one training is scored under all"
                )
                self.problems.append(definition.problem(message))
                continue
            self.nodes[prefix + name] = definition
            parameter, fields = self._definition(name, definition, prefix)
            twice = used & (fields | {name}) | ({name} & fields)
            if twice:
                message = (
                    f"{', '.join(sorted(twice))} would be set twice in one configuration; define each in one place"
                )
                self.problems.append(definition.problem(message))
            used |= fields | {name}
            if parameter is not None:
                parameters[name] = parameter
        return parameters, used

    def _known(self, name: str, node: Node) -> bool:
        if name in FIELDS:
            return True
        if name in self.fixed_per_sweep:
            place = self.fixed_per_sweep[name]
            self.problems.append(node.problem(f"is fixed for a sweep: write it as {place}, one sweep for each value"))
        else:
            self.problems.append(unknown_key(node, name, tuple(FIELDS)))
        return False

    def _definition(self, name: str, node: Node, prefix: str) -> tuple[Parameter | None, set[str]]:
        accepted = "a mapping with one of " + ", ".join(FORMS)
        if not isinstance(node.value, dict) or len(node.value) != 1:
            self.problems.append(node.problem(refusal(node.data(), accepted)))
            return None, set()
        form, body = next(iter(node.mapping.items()))
        if form not in FORMS:
            message = f"{shown(form)} is unknown; {accepted} is accepted{did_you_mean(form, FORMS)}"
            self.problems.append(node.problem(message))
            return None, set()
        if form == "choice":
            return self._choice(name, body, prefix)
        return (self._int(name, body) if form == "int" else self._range(name, form, body)), set()

    def _choice(self, name: str, node: Node, prefix: str) -> tuple[Parameter | None, set[str]]:
        if not isinstance(node.value, tuple) or not node.value:
            self.problems.append(node.problem(refusal(node.data(), "a list of one value or more")))
            return None, set()
        before = len(self.problems)
        values: list[Scalar] = []
        branches: dict[Scalar, Parameters] = {}
        below: set[str] = set()
        for item in node.value:
            branch = None
            value_node = item
            if isinstance(item.value, dict):
                if len(item.value) != 1:
                    accepted = "a value, or one `value: {parameters that exist only under it}`"
                    self.problems.append(item.problem(refusal(item.data(), accepted)))
                    continue
                text, branch = next(iter(item.mapping.items()))
                value_node = replace(branch, value=text)
            known = len(self.problems)
            value = FIELDS[name].check(value_node, self.problems)
            if len(self.problems) == known:
                if value in values:
                    self.problems.append(value_node.problem(f"{shown(value)} is given twice"))
                values.append(value)
            if branch is not None and branch.value is not None:
                parameters, fields = self._level(branch, f"{prefix}{value_node.value}.", KINDS[name])
                below |= fields
                if parameters:
                    branches[value] = parameters
        return (Choice(tuple(values), branches) if len(self.problems) == before else None), below

    def _range(self, name: str, form: str, node: Node) -> Parameter | None:
        if FIELDS[name].numeric != "number":
            instead = "int: [low, high] or choice" if FIELDS[name].numeric else "choice"
            self.problems.append(node.problem(f"{name} takes {FIELDS[name].words}: use {instead} instead of {form}"))
            return None
        ends = self._ends(name, node, (2,), "[low, high]")
        if ends is None:
            return None
        low, high = ends
        if form == "loguniform" and low <= 0:
            self.problems.append(node.problem(refusal(node.data(), "[low, high] with 0 < low, for its logarithm,")))
        elif form == "log_complement" and not 0 < low < high < 1:
            self.problems.append(node.problem(refusal(node.data(), "[low, high] with 0 < low < high < 1")))
        elif form == "loguniform" and not math.isfinite(math.log(high) - math.log(low)):
            self.problems.append(node.problem(refusal(node.data(), "a range of ordinary numbers")))
        else:
            return RANGES[form](low, high)
        return None

    def _int(self, name: str, node: Node) -> Parameter | None:
        if FIELDS[name].numeric != "integer":
            instead = "uniform, loguniform or choice" if FIELDS[name].numeric else "choice"
            self.problems.append(node.problem(f"{name} takes {FIELDS[name].words}: use {instead} instead of int"))
            return None
        ends = self._ends(name, node, (2, 3), "[low, high] or [low, high, step]")
        if ends is None:
            return None
        low, high, step = (*ends, 1) if len(ends) == 2 else ends
        if step < 1 or (high - low) % step:
            accepted = "[low, high, step] with high = low + a multiple of step, step >= 1,"
            self.problems.append(node.problem(refusal(node.data(), accepted)))
            return None
        return Int(low, high, step)

    def _ends(self, name: str, node: Node, lengths: tuple[int, ...], accepted: str) -> Any:
        """The numbers of a range. The limits of a field are an interval, so the ends speak for what lies between."""
        items = node.value
        if not isinstance(items, tuple) or len(items) not in lengths:
            self.problems.append(node.problem(refusal(node.data(), accepted)))
            return None
        before = len(self.problems)
        ends = [FIELDS[name].check(item, self.problems) for item in items[:2]]
        if len(items) == 3 and (not isinstance(items[2].value, int) or isinstance(items[2].value, bool)):
            self.problems.append(items[2].problem(refusal(items[2].data(), "a whole number")))
        if len(self.problems) > before:
            return None
        if ends[0] >= ends[1]:
            why = "reversed" if ends[0] > ends[1] else "empty; a fixed value belongs under trainer"
            self.problems.append(node.problem(f"{shown(node.data())} is {why}; {accepted} with low < high is accepted"))
            return None
        return ends + [item.value for item in items[2:]]


def check_space(space: Space, reader: SpaceReader, node: Node, fixed: Mapping[str, Any], sampler: str) -> None:
    """What is only visible once the whole space and the fixed values are known.

    `fixed` includes defaults; what is missing there and in the space was wrong and has its problem already.
    """
    problems = reader.problems
    views = [path for path in reader.nodes if path.rsplit(".", 1)[-1] == "negative_augmentation"]
    understood = {prefix + name for prefix, name, _ in walk(space.parameters)}
    if understood.issuperset(views) and ("negative_augmentation" in fixed or views):
        from_trainer = {fixed["negative_augmentation"]} if "negative_augmentation" in fixed else set()
        for prefix, name in _pointless(space.parameters, from_trainer or {"none"}):
            problems.append(reader.nodes[prefix + name].problem(WHERE_VIEW))
    if (rows := most_rows(space.parameters)) > MAX_ROWS:
        axes = ", ".join(dict.fromkeys(name for _, name, _ in walk(space.parameters) if KINDS[name] != "training"))
        message = f"up to {rows} scores of each trained model ({axes}) are too many; {MAX_ROWS} are accepted"
        problems.append(node.problem(message))
    if sampler == "grid":
        continuous = [
            prefix + name
            for prefix, name, parameter in walk(space.parameters)
            if KINDS[name] == "training" and not isinstance(parameter, Choice | Int)
        ]
        for path in continuous:
            problems.append(reader.nodes[path].problem("search.sampler: grid needs values to list: use choice or int"))
        total = size(space)
        if total is not None and total > MAX_ENUMERATED:
            problems.append(
                node.problem(f"a grid of {total} configurations is too large; {MAX_ENUMERATED} are accepted")
            )


def _pointless(parameters: Parameters, negatives: set[Scalar], prefix: str = "") -> list[tuple[str, str]]:
    """Every lambda_np that may meet `negative_augmentation: none`. negatives: what that may be, seen from here."""
    view = parameters.get("negative_augmentation")
    if isinstance(view, Choice):
        negatives = set(view.values)
    else:
        deeper = [p for _, name, p in walk(parameters) if name == "negative_augmentation"]
        negatives = negatives.union(*(p.values for p in deeper if isinstance(p, Choice)))
    found = [(prefix, "lambda_np")] if "lambda_np" in parameters and "none" in negatives else []
    for name, parameter in parameters.items():
        for value, branch in parameter.branches.items() if isinstance(parameter, Choice) else ():
            inside = {value} if name == "negative_augmentation" else negatives
            found += _pointless(branch, inside, f"{prefix}{value}.")
    return found
