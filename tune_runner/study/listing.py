"""All trials of a sweep as the page lists them, with their runs in MLflow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from tune_runner.ledger import known_runs
from tune_runner.study.scored import search_auroc
from tune_runner.study.words import text
from tune_runner.trial_state import reason
from tune_runner.written import written_row

_LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` serves a database
_AT_FIRST = 50  # trials that are in the page before its script runs


@dataclass(frozen=True)
class Runs:
    """address: what a run's id is appended to for its page; empty where there is none. ids: by trial."""

    address: str
    ids: dict[int, str]


@dataclass(frozen=True)
class Listing:
    """lines: (trial, state, search AUROC in %, its standard deviation over episodes, settings, best row, run id), the
    best first; numbers are None and the id is empty where there are none."""

    lines: list[tuple[int, str, float | None, float | None, str, str, str]]
    address: str

    @property
    def at_first(self) -> list[tuple[int, str, float | None, float | None, str, str, str]]:
        return self.lines[:_AT_FIRST]


def newest_runs(directory: Path) -> Runs:
    """Of the MLflow that the sweep was last sent to. A database has no address: it is that of the server which the
    printed command starts."""
    uri, ids = known_runs(directory)
    server = re.sub(r"://[^/@]*@", "://", uri).rstrip("/") if uri.startswith("http") else _LOCAL
    return Runs(f"{server}/#/runs/" if ids else "", ids)


def listing(trials: Sequence[FrozenTrial], runs: Runs) -> Listing:
    """trials: as written, see `tune_runner.written`."""
    lines = [
        (
            trial.number,
            _state(trial),
            None if trial.value is None else round(100 * search_auroc(trial), 2),
            _percent(trial.user_attrs.get("auroc_std")),
            _told(trial.params),
            _told(written_row(trial.user_attrs.get("best_row", {}))),
            runs.ids.get(trial.number, ""),
        )
        for trial in trials
    ]
    lines.sort(key=lambda line: (line[2] is None, -(line[2] or 0), line[0]))
    return Listing(lines, runs.address)


def _state(trial: FrozenTrial) -> str:
    why = reason(trial)
    return f"{trial.state.name.lower()}{f' ({why})' if why else ''}"


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)


def _told(values: dict[str, Any]) -> str:
    return "  ".join(f"{name}={text(value)}" for name, value in values.items())
