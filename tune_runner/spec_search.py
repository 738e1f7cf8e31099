"""What the section `search` says about configurations, against the space: every field that it names has to be in it."""

from tune_runner import designs
from tune_runner.space import Space
from tune_runner.spec_model import Search
from tune_runner.yaml_lines import Node, Problem

NAMING = {"target": "ablation", "configurations": "listed"}
"""The keys that only one sampler reads."""


def check_search(search: Search, space: Space, episodes: int, node: Node, problems: list[Problem]) -> None:
    """node: the section, as it was written."""
    keys = node.mapping if isinstance(node.value, dict) else {}
    for key in ("reference", *NAMING):
        if key not in keys:
            continue
        named = keys[key]
        for each in named.value if isinstance(named.value, tuple) else (named,):
            wrong = designs.problems(space, each.data())
            problems += [each.mapping[name].problem(message) for name, message in wrong.items()]
        if getattr(search, key) and search.sampler != NAMING.get(key, search.sampler):
            problems.append(named.problem(f"is only read with sampler: {NAMING[key]}, not with {search.sampler}"))
    if search.sampler == "listed" and not search.configurations:
        message = "is missing or empty; with sampler: listed one configuration or more is needed"
        problems.append(node.problem(message, "configurations"))
    if search.scheduler == "asha" and episodes == 1:
        message = "asha is not allowed with episodes: 1; it stops between episodes, so 2 or more are"
        problems.append(node.problem(message))
