"""What the study should say, worked out from the records, when a driver was killed between two of its steps.

A driver records an episode, tells the study when the trial's last one is there, and then tells the tracker. Killed in
between, it leaves a trial that is finished and that the study holds RUNNING, or an outcome that the tracker never heard
of. `reconcile` and `outcomes` close these gaps before the next driver asks the study for anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.storages import RDBStorage
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from coftad.types import FineTuning, InputError
from tune_runner import internals
from tune_runner.checksums import end_trial
from tune_runner.context import Outcome
from tune_runner.journal import RecordingError
from tune_runner.objective import Objective, best_row, mean_criteria, running, values
from tune_runner.patience import ENGINE
from tune_runner.records import EpisodeRecord, Records
from tune_runner.spec import SweepSpec, load
from tune_runner.sqlite import sqlite_url
from tune_runner.trial_state import INTERRUPTED, counts, reason

STUDY = "study.db"
_STATES: dict[TrialState, Literal["complete", "pruned", "failed"]] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Verdict:
    """What the records of one configuration come to. value: what the sampler learns from, the highest mean of the
    objective over episodes after fine-tuning (`objective.sampler_row`); running: the same after the first episode, the
    first two, and so on. best: the row with the highest mean of all, which `best_value` is; auroc: mean search AUROC of
    that row. attributes: what the study keeps beside the value."""

    value: float
    running: tuple[float, ...]
    best_value: float
    auroc: float
    best: int
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Reconciled:
    """Trial numbers. told: finished, and told from the records. queued: interrupted, and waiting to run again."""

    told: tuple[int, ...]
    queued: tuple[int, ...]


def verdict(records: Sequence[EpisodeRecord], objective: Objective = "auroc") -> Verdict:
    """records: of one trial, at least one, by episode. Raises ValueError if they do not have the same rows, or no row
    that has the objective."""
    [keys] = {tuple((row.steps, row.scoring) for row in record.rows) for record in records}
    values_ER = np.stack([values(record.rows, objective) for record in records])
    aurocs_ER = np.stack([values(record.rows, "auroc") for record in records])
    best, means = best_row(values_ER), aurocs_ER.mean(0)
    best_value = float(values_ER[:, best].mean())
    described = [{"steps": steps, **vars(scoring)} for steps, scoring in keys]
    criteria = [mean_criteria([record.rows[row] for record in records]) for row in range(len(keys))]
    attributes = {
        "ray_trial": records[0].ray_trial,
        "episodes": len(records),
        "auroc_std": float(aurocs_ER[:, best].std(ddof=1)) if len(records) > 1 else None,
        "search_auroc": float(means[best]),
        "best_value": best_value,
        "best_row": described[best],
        "per_episode": aurocs_ER[:, best].tolist(),
        "rows": [
            {**row, "auroc": float(mean), "criteria": own}
            for row, mean, own in zip(described, means, criteria, strict=True)
        ],
    }
    learned = tuple(running(values_ER, [steps for steps, _ in keys]))
    return Verdict(learned[-1], learned, best_value, float(means[best]), best, attributes)


def whole(records: Records, trial: int, episodes: int, objective: Objective = "auroc") -> list[EpisodeRecord]:
    """All records of a trial that has every episode, in the same rows, with scores that can be read; else none."""
    found = records.of(trial)
    if [record.episode for record in found] != list(range(episodes)):
        return []
    try:
        verdict(found, objective)
        for record in found:
            records.scores(record)
    except (RecordingError, ValueError):  # damage from outside: the configuration has to run again
        return []
    return found


def reconcile(study: optuna.Study, records: Records, *, episodes: int, objective: Objective = "auroc") -> Reconciled:
    """Close what a driver that is gone left open in the study; to be called while no driver is at work.

    A RUNNING trial with all `episodes` recorded is finished, and told so. Any other RUNNING trial fails, with the
    reason that was noted for it, else as interrupted. Every interrupted configuration waits in the queue exactly once.
    A call that is cut short itself is completed by the next one. Raises RecordingError for damaged records.
    """
    internals.check(internals.OPTUNA)
    told, queued = [], []
    trials = study.get_trials(deepcopy=False)
    queued_before = {trial.user_attrs.get("retry_of") for trial in trials}
    for trial in trials:
        why = reason(trial)
        if trial.state == TrialState.RUNNING:
            if found := whole(records, trial.number, episodes, objective):
                result = verdict(found, objective)
                # A driver may have noted a reason and been killed before it told it: it holds no more.
                _note(study, trial, {**result.attributes, "reason": None})
                for step, value in enumerate(result.running, 1):
                    study._storage.set_trial_intermediate_value(trial._trial_id, step, value)
                end_trial(study, trial, TrialState.COMPLETE, result.value)
                told.append(trial.number)
                continue
            if why is None:
                why = INTERRUPTED
                _note(study, trial, {"detail": "the driver ended while it ran", "reason": why})
            end_trial(study, trial, TrialState.FAIL)
        if why == INTERRUPTED and trial.number not in queued_before and (params := configuration(trial)):
            study.enqueue_trial(params, user_attrs={"retry_of": trial.number})
            queued.append(trial.number)
    return Reconciled(tuple(told), tuple(queued))


def configuration(trial: FrozenTrial) -> dict[str, Any]:
    """The parameters of a trial, also where its driver was killed after taking it from the queue and before asking for
    all of them; empty where nothing was chosen yet."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def outcomes(study: optuna.Study, spec: SweepSpec | None = None) -> list[Outcome]:
    """How every configuration ended that counts, as a tracker takes it; `Tracker.ended` passes over those it knows.

    spec: tells what was trained where a failure left no record.
    """
    return [_outcome(trial, spec) for trial in study.get_trials(deepcopy=False) if counts(trial)]


def outcomes_of(directory: Path) -> list[Outcome]:
    """As `outcomes`, from a sweep's directory alone, for `sync`. Raises RecordingError if its study cannot be read."""
    study = load_study(directory)
    if study is None:
        return []
    try:
        spec = load(directory / "sweep.yaml", ["tracking.uri=null"])  # credentials are not in the file
    except InputError:
        spec = None
    return outcomes(study, spec)


def load_study(directory: Path) -> optuna.Study | None:
    """The one study in a sweep's directory, whatever the directory is called by now; None if there is none.

    Creates nothing. Raises RecordingError if study.db cannot be read, or holds several studies.
    """
    path = directory / STUDY
    if not path.is_file() or not path.stat().st_size:
        return None
    try:
        storage = RDBStorage(sqlite_url(path.absolute()), skip_table_creation=True, engine_kwargs=ENGINE)
        names = optuna.get_all_study_names(storage)
        studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
    except Exception as error:  # SQLAlchemy's, SQLite's and Optuna's have no common class
        raise RecordingError(path, f"cannot be read as a study: {str(error).splitlines()[0]}") from error
    if len(studies) > 1:
        raise RecordingError(path, f"holds {len(studies)} studies, expected one: {', '.join(names)}")
    return studies[0] if studies else None


def _outcome(trial: FrozenTrial, spec: SweepSpec | None) -> Outcome:
    attributes = trial.user_attrs
    failed = trial.state == TrialState.FAIL
    return Outcome(
        trial=trial.number,
        state=_STATES[trial.state],
        reason=reason(trial) or "",
        message=attributes.get("detail", "") if failed else "",
        ray_trial=attributes.get("ray_trial", ""),
        training=_training(trial, spec) if failed and spec is not None else None,
    )


def _training(trial: FrozenTrial, spec: SweepSpec) -> FineTuning | None:
    try:
        return spec.config(spec.suggest(FixedTrial(trial.params))).training
    except ValueError:  # it failed before all of its parameters were chosen
        return None


def _note(study: optuna.Study, trial: FrozenTrial, attributes: dict[str, Any]) -> None:
    for name, attribute in attributes.items():
        study._storage.set_trial_user_attr(trial._trial_id, name, attribute)
