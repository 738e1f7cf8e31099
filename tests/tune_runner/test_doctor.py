"""The doctor on a whole sweep: sound, broken in many ways at once, without its study or YAML, or being driven."""

import fcntl
import shutil
import sqlite3

import pytest

from tests.tune_runner import planted
from tests.tune_runner.doctored import (
    contents,
    kinds,
    lines,
    named_and_mended,
    run_doctor,
    scores,
    trials,
    write_lines,
)
from tune_runner.doctor import diagnose
from tune_runner.journal import DirectoryInUse
from tune_runner.lock import driving, in_use
from tune_runner.spec import load

pytestmark = pytest.mark.slow  # a real MLflow database for every case


def test_a_sound_sweep_has_nothing_to_mend(sweep):
    assert diagnose(sweep.directory) == []
    before = contents(sweep.directory)
    assert run_doctor(sweep.directory, fix=True) == (0, "study, records and MLflow agree\n")
    assert contents(sweep.directory) == before


def test_another_folder_is_not_a_sweeps(tmp_path):
    code, output = run_doctor(tmp_path)
    assert code == 2
    assert "is not a sweep's directory" in output


def test_everything_at_once_is_mended_at_once(sweep):
    scores(sweep.directory, 0).unlink()
    ray_trial, number = sweep.suggest()
    for episode in range(2):
        sweep.record(ray_trial, number, episode)
    ray_trial, _ = sweep.suggest()
    sweep.record(ray_trial, number + 1, 0)
    entries = lines(sweep.directory)
    write_lines(sweep.directory, [*entries, entries[2], entries[2] | {"trial": 40}])
    with (sweep.directory / "records.jsonl").open("ab") as file:
        file.write(b"{")
    code, output = run_doctor(sweep.directory, fix=True)
    assert code == 0, output
    assert diagnose(sweep.directory) == []
    assert [trial.state.name for trial in trials(sweep.directory)] == [
        *("FAIL", "COMPLETE", "PRUNED", "FAIL", "COMPLETE", "FAIL", "WAITING", "WAITING")
    ]


@pytest.mark.parametrize("damage", ["missing", "unreadable", "two"])
def test_without_a_study_nothing_is_taken_for_wrong(sweep, damage):
    path = sweep.directory / "study.db"
    if damage == "missing":
        path.unlink()
    elif damage == "unreadable":
        path.write_bytes(b"not a database" * 1000)
    else:
        planted.run.create_or_load(f"sqlite:///{path}", "another")
    before = contents(sweep.directory)
    assert kinds(sweep.directory) == ["study"]
    code, output = run_doctor(sweep.directory, fix=True)
    assert code == 1
    assert "from a copy" in output
    assert {path: text for path, text in contents(sweep.directory).items() if path.name != "driver.lock"} == before


@pytest.mark.parametrize("damage", ["missing", "unreadable", "changed"])
def test_the_specification_is_brought_back_from_the_study(sweep, damage):
    path = sweep.directory / "sweep.yaml"
    before = path.read_text()
    if damage == "missing":
        path.unlink()
    elif damage == "unreadable":
        path.write_text("name: [")
    else:
        path.write_text(before.replace("episodes: 2", "episodes: 1"))
    named_and_mended(sweep.directory, "spec")
    assert load(path).fingerprint() == sweep.prepared.spec.fingerprint()
    assert len(list(sweep.directory.glob("set-aside/*/sweep.yaml"))) == (damage != "missing")


def test_without_any_specification_the_rest_is_still_compared_and_mended(sweep):
    (sweep.directory / "sweep.yaml").unlink()
    with sqlite3.connect(sweep.directory / "study.db") as database:
        database.execute("DELETE FROM study_user_attributes")
    sweep.suggest()
    entries = lines(sweep.directory)
    write_lines(sweep.directory, [*entries, entries[0]])
    assert kinds(sweep.directory) == ["doubled_record", "spec", "study_attribute"]
    code, output = run_doctor(sweep.directory, fix=True)
    assert code == 1
    assert "mended 2; 1 disagreement\n" in output
    assert kinds(sweep.directory) == ["spec"]


@pytest.mark.parametrize("name", ["driver.lock", "tracking.lock"])
def test_beside_a_living_driver_what_is_in_flight_is_right_and_nothing_is_mended(sweep, name):
    sweep.suggest()
    shutil.copy(scores(sweep.directory, 0), scores(sweep.directory, 4))
    scores(sweep.directory, 1).unlink()
    assert not in_use(sweep.directory)
    with (sweep.directory / name).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = contents(sweep.directory)
        assert kinds(sweep.directory) == ["scores_lost"]
        code, output = run_doctor(sweep.directory, fix=True)
        assert code == 1
        assert "a sweep is at work here" in output
        assert contents(sweep.directory) == before
    assert kinds(sweep.directory) == ["orphan_scores", "running_without_driver", "scores_lost"]


def test_two_drivers_exclude_each_other(tmp_path):
    with driving(tmp_path):
        assert in_use(tmp_path)
        with pytest.raises(DirectoryInUse, match="a sweep is running here already"), driving(tmp_path):
            raise AssertionError("entered")
    assert not in_use(tmp_path)
