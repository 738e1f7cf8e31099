"""Which choice a conditional parameter stands under, read from the names that `tune_runner.space` gives."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial

Made = tuple[str, Any]
"""A choice and the value that it took."""


def conditions(trials: Sequence[FrozenTrial]) -> dict[str, Made | None]:
    """Every parameter -> the choice under which it exists; None where every trial has it. By name."""
    having: dict[str, list[FrozenTrial]] = defaultdict(list)
    owners: dict[str, set[Made]] = defaultdict(set)
    for trial in trials:
        for name, value in trial.params.items():
            having[name].append(trial)
            if isinstance(trial.distributions[name], CategoricalDistribution):
                prefix = name.rpartition(".")[0]
                owners[f"{prefix}.{value}" if prefix else str(value)].add((name, value))
    found: dict[str, Made | None] = {}
    for name, those in sorted(having.items()):
        owner = owners[name.rpartition(".")[0]]
        # two choices may have a value of the same name
        made = [each for each in sorted(owner, key=str) if all(trial.params.get(each[0]) == each[1] for trial in those)]
        found[name] = made[0] if made and len(those) < len(trials) else None
    return found


def spelt(made: Made | None) -> str:
    return f"{made[0]} = {made[1]}" if made else ""


def parameters(trials: Sequence[FrozenTrial]) -> list[str]:
    """Those that all of these trials have and that took several values among them. By name."""
    if not trials:
        return []
    common = set.intersection(*(set(trial.params) for trial in trials))
    return [name for name in sorted(common) if len({trial.params[name] for trial in trials}) > 1]


def by_branch(trials: Sequence[FrozenTrial]) -> list[tuple[Made | None, NDArray[np.intp]]]:
    """None and the rows of all trials; then every choice that brings parameters of its own, with those that made it."""
    choices = {made: None for made in conditions(trials).values() if made is not None}
    found: list[tuple[Made | None, NDArray[np.intp]]] = [(None, np.arange(len(trials)))]
    for name, value in choices:
        found.append(((name, value), np.flatnonzero([trial.params.get(name) == value for trial in trials])))
    return found
