"""The reference of a sweep: the paper's configuration, or what comes nearest to it in this sweep's space."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.trial import FrozenTrial

from coftad.types import FineTuning, Scoring
from tune_runner.designs import complete, fields_of, key
from tune_runner.spec import DEFAULT_STEPS, SweepSpec
from tune_runner.yaml_lines import shown

_PAPERS = Scoring()
_MOST_NAMED = 3  # departures, in a name that stands in a sentence


def reference_trial(spec: SweepSpec, trials: Iterable[FrozenTrial]) -> FrozenTrial | None:
    """The first of `trials` that has the reference's training settings; None if there is none."""
    wanted = key(complete(spec.space, spec.search.reference, {}))
    return next((trial for trial in trials if key(trial.params) == wanted), None)


def reference_row(rows: Sequence[Mapping[str, Any]], named: Mapping[str, Any] | None = None) -> int:
    """Which of a trial's rows (as `scored.rows` gives them) is the reference's. It has what `named`, the search's
    reference, says of scoring and steps; for the rest it is the paper's: its scorer, its norm, the nearest n_a, and the
    default number of steps, or the end of the trajectory where that is no point of it."""
    named = named or {}

    def away(index: int) -> tuple[Any, ...]:
        row = rows[index]
        return (
            sum(row[name] != value for name, value in named.items() if name in row),
            row["scorer"] != _PAPERS.scorer,
            row["l2_norm"] != _PAPERS.l2_norm,
            abs(row["n_a"] - _PAPERS.n_a),
            abs(row["epsilon"] - _PAPERS.epsilon),
            abs(row["neighbours"] - _PAPERS.neighbours),
            row["steps"] != DEFAULT_STEPS,
            -row["steps"],
        )

    return min(range(len(rows)), key=away)


def called(spec: SweepSpec) -> str:
    """The reference in sentences and tables: the paper's settings only where its training has them."""
    if spec.search.reference:
        return "the reference"
    training = spec.config(fields_of(spec.space, complete(spec.space, {}, {}))).training
    apart = [f"{name} {shown(value)}" for name, value in departures(training, _PAPERS, papers_training(spec)).items()]
    more = [f"{len(apart) - _MOST_NAMED} more"] if len(apart) > _MOST_NAMED else []
    listed = [*apart[:_MOST_NAMED], *more]
    return "the paper's settings" + (f" but for {_enumerated(listed)}" if listed else "")


def _enumerated(items: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def papers_training(spec: SweepSpec) -> FineTuning:
    """The paper's, with the family of positive views that it has for such a data set."""
    return replace(FineTuning(), positive_augmentation=spec.dataset.source.positive_augmentation)


def departures(training: FineTuning, scoring: Scoring, paper: FineTuning = FineTuning()) -> dict[str, Any]:  # noqa: B008
    """The fields in which a configuration is not the paper's, with its values."""
    theirs = {**vars(paper), **vars(Scoring())}
    return {
        name: value for name, value in {**vars(training), **vars(scoring)}.items() if not _equal(value, theirs[name])
    }


def _equal(value: Any, other: Any) -> bool:
    """A number that was kept as its complement may miss by its last bit."""
    return value == other or (isinstance(value, float) and math.isclose(value, other))
