"""From a sweep file, its profiles, its parts and the command line to one `SweepSpec` or several, or to all problems at
once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from coftad.datasets.inventory import PublicSet
from coftad.types import InputError
from tune_runner.spec_layers import Override, axes, chosen, combinations, override, partial_allowed, profiles_of
from tune_runner.spec_model import Budget, Hardware, Resources, Search, SweepSpec, Tracking, Validation
from tune_runner.spec_sections import DEFAULT_STEPS, KEYS, checked
from tune_runner.yaml_lines import Node, Problem, SpecErrors, child_place, merge, parse, read_text


@dataclass(frozen=True)
class Part:
    """One of the sweeps that a file with `parts` asks for. name: of its folder; empty for a file without parts, which
    is one sweep. choices: each key under `parts` and what this part takes of it. file: the name that the file gives."""

    name: str
    choices: Mapping[str, str]
    spec: SweepSpec
    file: str


def load(
    path: str | os.PathLike[str],
    overrides: Sequence[Override] = (),
    hardware: Hardware = Hardware(),  # noqa: B008  frozen
    environment: Mapping[str, str] | None = None,
) -> SweepSpec:
    """The one sweep of a file without `parts`. Arguments and errors as of `load_parts`."""
    return _only(load_parts(path, overrides, hardware, environment), os.fspath(path))


def loads(text: str, overrides: Sequence[Override] = (), source: str = "the specification") -> SweepSpec:
    """As `load`, from the text of a file. source: what errors call it."""
    return _only(_parts(text, source, overrides, Hardware(), os.environ), source)


def _only(parts: Sequence[Part], source: str) -> SweepSpec:
    if parts[0].name:
        message = f"asks for {len(parts)} sweeps; a file of one sweep, without `parts`, is accepted here"
        raise SpecErrors(source, [Problem("parts", message)])
    return parts[0].spec


def load_parts(
    path: str | os.PathLike[str],
    overrides: Sequence[Override] = (),
    hardware: Hardware = Hardware(),  # noqa: B008  frozen
    environment: Mapping[str, str] | None = None,
    *,
    allow_partial: bool = False,
) -> list[Part]:
    """Read, resolve and check a sweep file: the combinations of its `parts`, in their order, or the file as a whole.

    overrides: `key.sub=value` each, the value in YAML, or what `option` makes of another option. hardware: what
    `profile: auto` chooses by. environment: what `${NAME}` is looked up in, by default the process's. allow_partial:
    said of every data set that knows the word; a mistake if there is none.
    Raises SpecErrors, an InputError, with everything that is wrong in the file, its profiles, parts and the overrides.
    """
    source = os.fspath(path)
    try:
        text = read_text(path)
    except InputError as error:
        raise SpecErrors(source, [Problem("", str(error))]) from None
    looked_up = os.environ if environment is None else environment
    return _parts(text, source, overrides, hardware, looked_up, allow_partial=allow_partial)


def _parts(
    text: str,
    source: str,
    overrides: Sequence[Override],
    hardware: Hardware,
    environment: Mapping[str, str],
    *,
    allow_partial: bool = False,
) -> list[Part]:
    root, problems = parse(text)
    if root is None:
        raise SpecErrors(source, problems)
    if not isinstance(root.value, dict):
        message = "is empty" if root.value is None else "is not a mapping"
        raise SpecErrors(source, [*problems, Problem("", f"{message}; keys such as {', '.join(KEYS[:4])} are", 1)])
    over = Node({})
    for each in overrides:
        over = merge(over, override(each, problems))
    profiles = profiles_of(root, problems)
    profile_name = chosen(merge(root, over), profiles, hardware, environment, problems)
    for name, profile in profiles.items():
        if name != profile_name:  # a mistake in the profile for another machine should not wait until one is there
            inside = child_place("profiles", name) + "."
            _, wrong, _ = checked(merge(root, profile), environment)
            problems += [each for each in wrong if each.place.startswith(inside)]
    tree = merge(merge(root, profiles[profile_name]) if profile_name in profiles else root, over)
    known = {each.place for each in problems}
    parts = []
    for part in combinations(axes(tree, over, problems), problems):
        layered = merge(merge(tree, part.over), over)
        spec, wrong, unset = checked(partial_allowed(layered) if allow_partial else layered, environment)
        problems += [each for each in (*unset, *wrong) if each.place not in known]
        if spec is not None:
            name = f"{spec.name}_{part.name}"[:100] if part.name else spec.name  # all share the file's experiment
            parts.append(Part(part.name, part.choices, replace(spec, name=name, profile=profile_name), spec.name))
    if allow_partial and parts and not any(map(may_be_partial, parts)):
        names = ", ".join(dict.fromkeys(part.spec.dataset.name for part in parts))
        message = f"would be ignored: {names} has no parts that may be missing; leave it out"
        problems.append(Problem("", message, override="--allow-partial"))
    if problems or not parts:
        raise SpecErrors(source, problems)
    return parts


def may_be_partial(part: Part) -> bool:
    """Whether the part's data set knows the key `allow_partial`."""
    return isinstance(part.spec.dataset.source, PublicSet)


__all__ = [
    "DEFAULT_STEPS",
    "Budget",
    "Hardware",
    "Node",
    "Part",
    "Resources",
    "Search",
    "SweepSpec",
    "Tracking",
    "Validation",
    "load",
    "load_parts",
    "loads",
]
