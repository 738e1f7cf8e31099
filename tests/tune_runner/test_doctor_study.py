"""Every way in which the study and the records can come apart is named and mended."""

import shutil
import sqlite3

import pytest
from optuna.trial import TrialState

from tests.tune_runner.doctored import is_queued_again, lines, named_and_mended, scores, trials, write_lines
from tune_runner.checksums import end_trial
from tune_runner.reconcile import load_study, verdict
from tune_runner.records import Records
from tune_runner.trial_state import DUPLICATE, INTERRUPTED, counts

pytestmark = pytest.mark.slow  # a real MLflow database for every case


def test_records_that_no_trial_of_the_study_owns_are_set_aside(sweep):
    """Trial 17 would otherwise find them when it runs, and take them for its own."""
    entries = lines(sweep.directory)
    strange = [entries[0] | {"trial": 17}, entries[0] | {"trial": 3, "ray_trial": "other"}, entries[0] | {"episode": 5}]
    write_lines(sweep.directory, [*entries, *strange])
    for number, episode in ((17, 0), (3, 0), (0, 5)):
        shutil.copy(scores(sweep.directory, 0), scores(sweep.directory, number, episode))
    kinds_found = ("records_beyond", "records_of_another", "records_without_trial")
    output = named_and_mended(sweep.directory, *kinds_found, "records_lost")
    assert "trial 17: the records have episode 0; the study has no such trial" in output
    assert "the study ran it as ray_3; the records have episode 0 that ran as other" in output
    assert lines(sweep.directory) == entries
    assert [trial.state for trial in trials(sweep.directory)][:2] == [TrialState.COMPLETE] * 2


def test_a_value_that_is_not_the_records_is_corrected(sweep):
    with sqlite3.connect(sweep.directory / "study.db") as database:
        database.execute("UPDATE trial_values SET value = 0.123")
    right = verdict(Records(sweep.directory).of(0)).value
    output = named_and_mended(sweep.directory, *["value"] * 3)
    assert f"trial 0: the study says AUROC 0.123; the records say {right}" in output
    assert trials(sweep.directory)[0].value == right
    assert trials(sweep.directory)[2].intermediate_values == {1: trials(sweep.directory)[2].value}


def test_a_trial_that_was_recorded_and_not_told_is_told(sweep):
    ray_trial, number = sweep.suggest()
    for episode in range(2):
        sweep.record(ray_trial, number, episode)
    output = named_and_mended(sweep.directory, "finished_untold")
    assert f"trial {number}: the study says RUNNING, but no driver is at work; the records have all 2" in output
    assert trials(sweep.directory)[number].value == verdict(sweep.records.of(number)).value


def test_a_trial_left_running_waits_to_run_again(sweep):
    ray_trial, number = sweep.suggest()
    sweep.record(ray_trial, number, 0)
    output = named_and_mended(sweep.directory, "running_without_driver")
    assert "the records have 1 of 2 episodes" in output
    is_queued_again(sweep.directory, number)


def test_an_interrupted_configuration_that_nobody_repeats_is_queued(sweep):
    _, number = sweep.suggest()
    study = load_study(sweep.directory)
    study._storage.set_trial_user_attr(study.get_trials()[number]._trial_id, "reason", INTERRUPTED)
    end_trial(study, study.get_trials()[number], TrialState.FAIL)
    named_and_mended(sweep.directory, "not_queued")
    is_queued_again(sweep.directory, number)


@pytest.mark.parametrize("retry", ["waiting", "running", "none"])
def test_an_interrupted_trial_with_its_whole_result_is_not_run_again(sweep, retry):
    ray_trial, number = sweep.suggest()
    for episode in range(2):
        sweep.record(ray_trial, number, episode)
    sweep.searcher.fail(ray_trial, INTERRUPTED if retry != "none" else "worker_died", "stopped")
    expected = ["finished_but_failed"]
    if retry == "running":
        sweep.searcher.done = 0
        sweep.suggest()
        expected.append("running_without_driver")
    named_and_mended(sweep.directory, *expected)
    found = trials(sweep.directory)
    assert found[number].state == TrialState.COMPLETE
    assert counts(found[number])
    if retry != "none":
        assert (found[-1].state, found[-1].user_attrs["reason"]) == (TrialState.FAIL, DUPLICATE)
        assert len(found) == number + 2
