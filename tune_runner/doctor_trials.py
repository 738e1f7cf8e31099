"""What one trial of a study should hold, field by field: by its records, by other trials, and by its own checksum."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optuna.trial import FixedTrial, FrozenTrial, TrialState

from coftad.types import FineTuning
from tune_runner import checksums
from tune_runner.designs import complete, key, points
from tune_runner.disagreement import Disagreement
from tune_runner.objective import Objective
from tune_runner.reconcile import configuration, verdict
from tune_runner.records import EpisodeRecord
from tune_runner.spec import SweepSpec
from tune_runner.trial_state import DUPLICATE, INTERRUPTED, reason

_RECORDED = "the study takes the records' value"
_COPY = "bring study.db back from a copy"
_LONGEST = 60  # characters of a value in a message


def of_ended(
    trial: FrozenTrial, records: Sequence[EpisodeRecord], objective: Objective, spec: SweepSpec | None
) -> Iterator[Disagreement]:
    """Where a trial that ended well is not what its records come to. records: usable, all that count."""
    result = verdict(records, objective)
    shown = "AUROC" if objective == "auroc" else objective
    earlier = (
        not {checksums.ATTRIBUTE, "best_value"} & trial.user_attrs.keys()
    )  # versions that learned from the best row
    values = [result.value, result.best_value] if earlier else [result.value]
    if trial.value is None or not any(_same(trial.value, value) for value in values):
        yield _wrong("value", trial, shown, trial.value, result.value)
    for name, right in result.attributes.items():
        if name in trial.user_attrs and not _same(trial.user_attrs[name], right):
            yield _wrong("attribute", trial, name, trial.user_attrs[name], right)
    if trial.user_attrs.get("reason") is not None:
        yield _wrong("attribute", trial, "reason", trial.user_attrs["reason"], "nothing of a failure")
    running = dict(enumerate(result.running, 1))
    for step, value in trial.intermediate_values.items():
        rights = [running[step]] if step in running else []
        rights += values if step == len(records) else []
        if not any(_same(value, right) for right in rights):
            yield _wrong("intermediate_value", trial, f"{shown} after {step} episode(s)", value, "another one")
    if spec is not None and not trains(spec, trial.params, records[0].training):
        right = params_of(spec, records[0].training)
        yield Disagreement(
            "params",
            f"trial {trial.number}: the study has the parameters {_short(trial.params)}; the records were trained with "
            f"{_short(vars(records[0].training))}",
            "the study takes the records' parameters" if right else _COPY,
            trial.number,
            mendable=right is not None,
        )


def of_checksum(trial: FrozenTrial, *, needed: bool) -> Iterator[Disagreement]:
    """Where a trial is not as it ended. needed: whether it must have a checksum."""
    noted = trial.user_attrs.get(checksums.ATTRIBUTE)
    if noted is None and needed:
        yield _changed(trial, "has lost its checksum")
    elif noted is not None and noted != checksums.of_trial(trial):
        yield _changed(trial, "was changed after it ended, its checksum is another one")


def of_queue(trials: Mapping[int, FrozenTrial], spec: SweepSpec) -> Iterator[Disagreement]:
    """Where a repetition is not one of an interrupted trial, or what waits was never asked for."""
    designed = {key(point) for point in points(spec.space, spec.search)}
    repeated: dict[int, int] = {}
    for number, trial in trials.items():
        of = trial.user_attrs.get("retry_of")
        params = configuration(trial)
        if of is None:
            if trial.state == TrialState.WAITING and key(params) not in designed:
                yield _strange(trial, f"waits with {_short(params)}, which neither the design has nor a trial left")
            continue
        original = trials.get(of) if isinstance(of, int) else None
        if reason(trial) == DUPLICATE:  # what it repeats had finished after all
            continue
        if original is None or of >= number or reason(original) != INTERRUPTED:
            yield _strange(trial, f"repeats trial {_short(of)}, which was not interrupted")
        elif _differs(params, configuration(original), whole=trial.state == TrialState.WAITING):
            yield _strange(trial, f"repeats trial {of}, with other parameters")
        elif of in repeated:
            yield _strange(trial, f"repeats trial {of}, as trial {repeated[of]} does")
        repeated.setdefault(of, number)


def params_of(spec: SweepSpec, training: FineTuning) -> dict[str, Any] | None:
    """The parameters that give `training`, by Optuna's names; None if the space has none."""
    point = dict(complete(spec.space, vars(training), {}))
    return point if trains(spec, point, training) else None


def trains(spec: SweepSpec, params: Mapping[str, Any], training: FineTuning) -> bool:
    try:
        return spec.config(spec.suggest(FixedTrial(dict(params)))).training == training
    except (ValueError, TypeError, KeyError):  # a value or a name that the space does not have
        return False


def _differs(params: Mapping[str, Any], original: Mapping[str, Any], *, whole: bool) -> bool:
    """whole: what waits is what was left; once it runs, it may have been asked for more."""
    return params != original if whole else any(params.get(name) != value for name, value in original.items())


def _same(one: Any, other: Any) -> bool:
    """Numbers as close as rounding leaves them. A key that the study's mappings lack, an earlier version did not
    write."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(name in other and _same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _wrong(kind: str, trial: FrozenTrial, what: str, value: object, right: object) -> Disagreement:
    text = f"trial {trial.number}: the study says {what} {_short(value)}; the records say {_short(right)}"
    return Disagreement(kind, text, _RECORDED, trial.number)


def _changed(trial: FrozenTrial, text: str) -> Disagreement:
    well = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    mend = "what the records say of it is taken, and a new checksum" if well else _COPY
    return Disagreement("changed_trial", f"trial {trial.number}: {text}", mend, trial.number, mendable=well)


def _strange(trial: FrozenTrial, text: str) -> Disagreement:
    return Disagreement("queue", f"trial {trial.number}: {text}", _COPY, trial.number, mendable=False)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
