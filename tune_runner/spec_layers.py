"""What lies over what in a sweep file: the file, then a profile, then one of its parts, then the command line."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from coftad.datasets import DATASETS
from tune_runner.spec_fields import fields_of, refusal, unknown_key
from tune_runner.spec_model import Hardware
from tune_runner.spec_sections import KEYS
from tune_runner.yaml_lines import Node, Problem, fill_in, merge, parse, shown

Override = str | Node
"""What `--set` takes, or a value that another option stands for."""


def option(key: str, value: str, name: str) -> Node:
    """What the option `name` lays over the file, as text and not as YAML: in a URI, ` #` begins no comment."""
    return _nested(key, Node(value, key, override=name))


def override(text: Override, problems: list[Problem]) -> Node:
    """`a.b=value` as the mapping {a: {b: value}}."""
    if isinstance(text, Node):
        return text
    label = f"--set {shown(text)}"
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        problems.append(Problem("", "is not understood; key=value is, such as trainer.steps=20", override=label))
        return Node({})
    if parts[0] == "profiles":
        problems.append(Problem(key, "cannot be set; set the value itself, it wins over profiles", override=label))
        return Node({})
    node, found = parse(value, ".".join(parts), label)
    problems += found
    return Node({}) if node is None else _nested(".".join(parts), node)


def profiles_of(root: Node, problems: list[Problem]) -> dict[str, Node]:
    node = root.mapping.get("profiles")
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        problems.append(node.problem(refusal(node.data(), "a mapping of profiles")))
        return {}
    result = {}
    for name, profile in node.mapping.items():
        if name in ("auto", "none"):
            problems.append(profile.problem(f"{name} is no name for a profile: it has a meaning of its own"))
        elif not isinstance(profile.value, dict | None):
            problems.append(profile.problem(refusal(profile.data(), f"a mapping of {', '.join(KEYS[:-3])}")))
        else:
            content = dict(profile.value or {})
            nested = [content.pop(key) for key in ("profile", "profiles") if key in content]
            problems += [each.problem("profiles do not nest") for each in nested]
            result[name] = replace(profile, value=content)
    return result


def chosen(
    tree: Node,
    profiles: Mapping[str, Node],
    hardware: Hardware,
    environment: Mapping[str, str],
    problems: list[Problem],
) -> str:
    """The profile to use, "none" for none."""
    node = tree.mapping.get("profile", Node("auto", "profile"))
    before = len(problems)
    name = fill_in(node, environment, problems).value
    if len(problems) > before:
        return "none"
    if name == "auto":
        name = "gpu" if hardware.gpus > 0 else "cpu"
        return name if name in profiles else "none"
    known = ("auto", "none", *profiles)
    if not isinstance(name, str) or name not in known:
        problems.append(node.problem(refusal(node.data(), f"one of {', '.join(known)}", known)))
        return "none"
    return name


@dataclass(frozen=True)
class Combination:
    """One level of every axis, as the mapping that is laid over the file."""

    name: str
    choices: Mapping[str, str]
    over: Node


Axes = Mapping[str, Mapping[str, Node]]
"""Key of `parts` -> level -> what that level lays over the file."""

MOST_PARTS = 1_000
_PARTED = tuple(key for key in KEYS if key not in ("name", "output", "profile", "profiles", "parts"))


def axes(tree: Node, over: Node, problems: list[Problem]) -> Axes:
    """Of `parts`: below a key, a list holds the values that it takes, and each mapping is a named level that is laid
    over it. Dots in a key lead into a section, as in `--set`. over: what `--set` says, which may not set such a key."""
    node = tree.mapping.get("parts")
    if node is None or node.value is None:
        return {}
    words = "a mapping of keys to the values they take, such as dataset.shots: [5, 10]"
    if not isinstance(node.value, dict) or not node.value:
        problems.append(node.problem(refusal(node.data(), words)))
        return {}
    found: dict[str, dict[str, Node]] = {}
    narrowed = _at(over, "parts")  # again at the end, since `parts.dataset.shots=` is not the key `dataset.shots`
    later = narrowed.mapping if narrowed is not None and isinstance(narrowed.value, dict) else {}
    for key, child in (*node.mapping.items(), *later.items()):
        if key.split(".")[0] not in _PARTED or not all(key.split(".")):
            problems.append(unknown_key(child, key, _PARTED))
        else:
            _levels(key, child, found, problems)
    problems += [
        said.problem(f"is what the parts differ in; --set parts.{key}=[...] is accepted")
        for key in found
        if (said := _at(over, key)) is not None and not isinstance(said.value, dict)
    ]
    return found


def _at(tree: Node, key: str) -> Node | None:
    for word in key.split("."):
        below = tree.mapping.get(word) if isinstance(tree.value, dict) else None
        if below is None:
            return None
        tree = below
    return tree


def _levels(key: str, node: Node, found: dict[str, dict[str, Node]], problems: list[Problem]) -> None:
    if isinstance(node.value, tuple) and node.value:
        levels: dict[str, Node] = {}
        for child in node.value:
            if isinstance(child.value, dict | tuple | None):
                problems.append(child.problem(refusal(child.data(), "a single value")))
            elif str(child.value) in levels:
                problems.append(child.problem(f"{shown(child.value)} is given twice"))
            else:
                levels[str(child.value)] = _nested(key, child)
        found[key] = levels
    elif isinstance(node.value, dict) and node.value:
        for name, child in node.mapping.items():
            if isinstance(child.value, dict):
                found.setdefault(key, {})[name] = _nested(key, child)
            elif child.value is not None:  # null takes a level away that the file below has
                _levels(f"{key}.{name}", child, found, problems)
    else:
        problems.append(node.problem(refusal(node.data(), "a list of values, or named mappings")))


def _nested(key: str, node: Node) -> Node:
    """`node` as the mapping {a: {b: node}} that the key `a.b` stands for."""
    words = key.split(".")
    for depth in range(len(words) - 1, -1, -1):
        node = Node({words[depth]: node}, ".".join(words[:depth]), node.line, node.override)
    return node


def combinations(found: Axes, problems: list[Problem]) -> list[Combination]:
    """Every combination of levels, the first axis outermost. Of no axes there is one, without a name."""
    count = math.prod(map(len, found.values()))
    if count > MOST_PARTS:
        problems.append(Problem("parts", f"makes {count} sweeps; {MOST_PARTS} or fewer are accepted"))
        return []
    result: dict[str, Combination] = {}
    for levels in product(*(axis.items() for axis in found.values())):
        over = Node({})
        for _, node in levels:
            over = merge(over, node)
        labels = [label for label, _ in levels]
        name = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", label) for label in labels)
        if name in result:
            problems.append(Problem("parts", f"two combinations would have the folder {name}; name them otherwise"))
        result[name] = Combination(name, dict(zip(found, labels, strict=True)), over)
    return list(result.values())


def partial_allowed(tree: Node) -> Node:
    """The same with `dataset.allow_partial: true`, where the data set knows the key."""
    dataset = tree.mapping.get("dataset")
    name = dataset.mapping.get("name") if dataset is not None and isinstance(dataset.value, dict) else None
    cls: Any = DATASETS.get(name.value) if name is not None and isinstance(name.value, str) else None
    if cls is None or "allow_partial" not in fields_of(cls):
        return tree
    allowed = Node(True, "dataset.allow_partial", override="--allow-partial")
    return merge(tree, _nested("dataset.allow_partial", allowed))
