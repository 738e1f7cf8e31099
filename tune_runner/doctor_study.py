"""Where a sweep's study and its records do not say the same, and a study that does.

Optuna never changes a trial that has ended, and there is no need to while a sweep runs. Where records were lost or
damaged from outside, a new study is written trial by trial and put in the place of the old one, which is kept.
"""

import copy
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from tune_runner import checksums, doctor_trials
from tune_runner.disagreement import Disagreement
from tune_runner.doctor_records import Sealed, Shelf, fresh_folder, never
from tune_runner.journal import RecordingError
from tune_runner.metric_names import name_metric
from tune_runner.objective import Objective
from tune_runner.quiet import quiet
from tune_runner.reconcile import STUDY, configuration, verdict
from tune_runner.records import EpisodeRecord
from tune_runner.space import scratch
from tune_runner.spec import SweepSpec
from tune_runner.sqlite import sqlite_url
from tune_runner.trial_state import DUPLICATE, INTERRUPTED, reason

_ENDED_WELL = (TrialState.COMPLETE, TrialState.PRUNED)


def check(
    trials: Mapping[int, FrozenTrial],
    shelf: Shelf,
    episodes: int | None,
    objective: Objective = "auroc",
    *,
    resting: bool,
    spec: SweepSpec | None = None,
    sealed: Sealed = never,
) -> list[Disagreement]:
    """Trials by number. episodes: of a whole trial, None if not known; then `objective` is not known either, and no
    value is compared. resting: no driver is at work. sealed: whether a trial must have a checksum once it ended."""
    found: list[Disagreement] = []
    for number, trial in trials.items():
        records = shelf.of(number) if number in shelf.spans else []
        before = len(found)
        if trial.state in _ENDED_WELL:
            found += _ended(trial, records, episodes, objective, spec)
        elif resting and episodes is not None:
            if trial.state == TrialState.RUNNING:
                found.append(_running(trial, records, episodes))
            elif trial.state == TrialState.FAIL:
                found += _failed(trial, records, episodes, trials)
            elif trial.state == TrialState.WAITING:
                found += _waiting(trial, records, episodes)
        if len(found) == before and trial.state.is_finished():
            found += doctor_trials.of_checksum(trial, needed=sealed(number))
    if resting and spec is not None:
        found += doctor_trials.of_queue(trials, spec)
    return found


def corrected(
    trials: Mapping[int, FrozenTrial],
    shelf: Shelf,
    episodes: int,
    objective: Objective = "auroc",
    *,
    spec: SweepSpec | None = None,
    sealed: Sealed = never,
) -> dict[int, FrozenTrial]:
    """What ended trials should say, by number, as far as they say anything else. RUNNING ones are `reconcile`'s."""
    changed: dict[int, FrozenTrial] = {}
    for number, trial in trials.items():
        records = shelf.of(number) if number in shelf.spans else []
        if trial.state in _ENDED_WELL:
            wrong = [*_ended(trial, records, episodes, objective, spec)]
            wrong = wrong or [*doctor_trials.of_checksum(trial, needed=sealed(number))]
            if any(each.mendable for each in wrong):
                usable = _usable(records, _expected(trial, episodes))
                changed[number] = _told(trial, records, objective, episodes, spec) if usable else _lost(trial)
        elif trial.state == TrialState.WAITING and any(each.mendable for each in _waiting(trial, records, episodes)):
            changed[number] = _told(trial, records, objective, episodes, spec)
        elif trial.state == TrialState.FAIL and _finished_unnoticed(trial, records, episodes, trials):
            changed[number] = _told(trial, records, objective, episodes, spec)
            retry = _last_retry(trial, trials)
            if retry is not trial:
                changed[retry.number] = _repeated(retry, number)
    return changed


def replace(directory: Path, study: optuna.Study, changed: Mapping[int, FrozenTrial]) -> None:
    """Put a study with the trials `changed` in the place of the one in `directory`, which is moved aside.

    Complete or not at all, whenever the process dies. Raises RecordingError.
    """
    path, fresh = directory / STUDY, directory / f".{STUDY}.{os.getpid()}.tmp"
    try:
        fresh.unlink(missing_ok=True)
        storage = optuna.storages.RDBStorage(sqlite_url(fresh.absolute()))
        with quiet():
            copied = optuna.create_study(study_name=study.study_name, storage=storage, directions=study.directions)
        for name, value in study.user_attrs.items():
            copied.set_user_attr(name, value)
        if study.metric_names:
            name_metric(copied, study.metric_names)
        for trial in study.get_trials(deepcopy=False):
            copied.add_trial(_sealed(changed[trial.number]) if trial.number in changed else trial)
        storage.engine.dispose()
        shutil.copy2(path, fresh_folder(directory) / STUDY)
        os.replace(fresh, path)
    except OSError as error:
        raise RecordingError(path, error) from error


def _sealed(trial: FrozenTrial) -> FrozenTrial:
    trial.user_attrs = {**trial.user_attrs, checksums.ATTRIBUTE: checksums.of_trial(trial)}
    return trial


def _ended(
    trial: FrozenTrial,
    records: list[EpisodeRecord],
    episodes: int | None,
    objective: Objective,
    spec: SweepSpec | None,
) -> Iterator[Disagreement]:
    number, state = trial.number, trial.state.name
    expected = _expected(trial, episodes)
    if not _usable(records, expected):
        wanted = "all episodes" if expected is None else f"{expected} episode{'s' if expected > 1 else ''}"
        has = ", ".join(str(record.episode) for record in records) or "none"
        yield Disagreement(
            "records_lost",
            f"trial {number}: the study says {state} after {wanted}; the records have {has}",
            "it counts as interrupted, and its configuration waits to run again on --resume",
            number,
            mendable=episodes is not None,
        )
        return
    if state == "PRUNED" and len(records) == episodes:
        text = f"trial {number}: the study says PRUNED; the records have all {episodes} episodes"
        yield Disagreement("state", text, "the study takes the result from the records", number)
    if episodes is None:  # then nobody knows the objective either, by which a value could be judged
        return
    yield from doctor_trials.of_ended(trial, records, objective, spec)


def _waiting(trial: FrozenTrial, records: list[EpisodeRecord], episodes: int) -> Iterator[Disagreement]:
    if not records and "ray_trial" not in trial.user_attrs and checksums.ATTRIBUTE not in trial.user_attrs:
        return
    whole = _usable(records, episodes)
    text = f"trial {trial.number}: the study says WAITING, but it ran; the records have {len(records)} of {episodes}"
    mend = "the study is told its result from the records" if whole else "bring study.db back from a copy"
    yield Disagreement("state", f"{text} episodes", mend, trial.number, mendable=whole)


def _running(trial: FrozenTrial, records: list[EpisodeRecord], episodes: int) -> Disagreement:
    says = f"trial {trial.number}: the study says RUNNING, but no driver is at work"
    if _usable(records, episodes):
        text = f"{says}; the records have all {episodes} episodes"
        return Disagreement("finished_untold", text, "the study is told its result from the records", trial.number)
    text = f"{says}; the records have {len(records)} of {episodes} episodes"
    mend = "it counts as interrupted, and its configuration waits to run again on --resume"
    return Disagreement("running_without_driver", text, mend, trial.number)


def _failed(
    trial: FrozenTrial, records: list[EpisodeRecord], episodes: int, trials: Mapping[int, FrozenTrial]
) -> Iterator[Disagreement]:
    if _finished_unnoticed(trial, records, episodes, trials):
        yield Disagreement(
            "finished_but_failed",
            f"trial {trial.number}: the study says FAIL ({reason(trial)}); the records have all {episodes} episodes",
            "the study takes the result from the records, and the configuration does not run again",
            trial.number,
        )
    elif reason(trial) == INTERRUPTED and _last_retry(trial, trials) is trial and configuration(trial):
        yield Disagreement(
            "not_queued",
            f"trial {trial.number}: the study says it was interrupted; no trial runs its configuration again",
            "its configuration is queued",
            trial.number,
        )


def _finished_unnoticed(
    trial: FrozenTrial, records: list[EpisodeRecord], episodes: int, trials: Mapping[int, FrozenTrial]
) -> bool:
    """Whether a failed trial has its whole result recorded, and no repetition of it has one already."""
    if reason(trial) == DUPLICATE or not _usable(records, episodes):
        return False
    retry = _last_retry(trial, trials)
    return retry is trial or retry.state in (TrialState.WAITING, TrialState.RUNNING)


def _last_retry(trial: FrozenTrial, trials: Mapping[int, FrozenTrial]) -> FrozenTrial:
    """The last of the trials that repeat this one; itself if none does."""
    for other in trials.values():
        if other.number > trial.number and other.user_attrs.get("retry_of") == trial.number:
            return _last_retry(other, trials)
    return trial


def _expected(trial: FrozenTrial, episodes: int | None) -> int | None:
    """How many episodes a trial that ended well has. One that was pruned was so before its last."""
    pruned = trial.state == TrialState.PRUNED
    return trial.user_attrs.get("episodes") if pruned or episodes is None else episodes


def _usable(records: list[EpisodeRecord], episodes: int | None) -> bool:
    if not records or [record.episode for record in records] != list(range(episodes or len(records))):
        return False
    return len({tuple((row.steps, row.scoring) for row in record.rows) for record in records}) == 1


def _told(
    trial: FrozenTrial, records: list[EpisodeRecord], objective: Objective, episodes: int, spec: SweepSpec | None
) -> FrozenTrial:
    result, told = verdict(records, objective), copy.deepcopy(trial)
    told.state = TrialState.COMPLETE if len(records) == episodes else TrialState.PRUNED
    told.intermediate_values = dict(enumerate(result.running, 1))
    told.value = result.value
    told.user_attrs = {**trial.user_attrs, **result.attributes, "reason": None}
    told.datetime_start = trial.datetime_start or datetime.now()
    told.datetime_complete = trial.datetime_complete or datetime.now()
    right = None if spec is None else doctor_trials.params_of(spec, records[0].training)
    if spec is not None and right is not None and not doctor_trials.trains(spec, trial.params, records[0].training):
        asked = scratch()
        asked.enqueue_trial(right)
        again = asked.ask()
        spec.suggest(again)
        told.params, told.distributions = again.params, again.distributions
    return told


def _lost(trial: FrozenTrial) -> FrozenTrial:
    return _failing(trial, INTERRUPTED, "its records were lost")


def _repeated(retry: FrozenTrial, number: int) -> FrozenTrial:
    return _failing(retry, DUPLICATE, f"the same configuration as trial {number}, which had finished")


def _failing(trial: FrozenTrial, why: str, detail: str) -> FrozenTrial:
    failed = copy.deepcopy(trial)
    failed.state, failed.values, failed.intermediate_values = TrialState.FAIL, None, {}
    failed.user_attrs = {**trial.user_attrs, "reason": why, "detail": detail}
    failed.datetime_start = trial.datetime_start or datetime.now()
    failed.datetime_complete = trial.datetime_complete or datetime.now()
    return failed
