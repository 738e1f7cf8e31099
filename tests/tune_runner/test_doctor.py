"""Every way in which study, records and MLflow can come apart is named, and mended where that is possible."""

import fcntl
import io
import json
import re
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState
from rich.console import Console

from tests.tune_runner import planted
from tune_runner.doctor import diagnose, doctor
from tune_runner.ledger import DirectoryInUse
from tune_runner.lock import driving, in_use
from tune_runner.reconcile import load_study, verdict
from tune_runner.records import Records
from tune_runner.searcher import DUPLICATE, INTERRUPTED, StudySearcher, counts
from tune_runner.spec import load

pytestmark = pytest.mark.slow  # a real MLflow database for every case


@pytest.fixture(scope="module")
def untracked(tmp_path_factory):
    return planted.whole_sweep(tmp_path_factory.mktemp("untracked"))


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    return planted.whole_sweep(folder, tracking={"uri": f"sqlite:///{folder}/mlflow.db"})


@pytest.fixture
def sweep(untracked, tmp_path):
    """A copy to break. Trials: 0 and 1 complete, 2 pruned, 3 failed; two episodes each."""
    directory = planted.copied(untracked, tmp_path)
    searcher = StudySearcher(load_study(directory), untracked.prepared.spec)
    searcher.done = 0  # so that it suggests more than the four
    return planted.Planted(untracked.prepared, directory, searcher)


@pytest.fixture
def shown(tracked, tmp_path):
    """A copy with an MLflow to break: its directory, a client, its runs by trial, and the sweep's own run."""
    return Shown(planted.copied(tracked, tmp_path), f"sqlite:///{tmp_path}/mlflow.db")


class Shown:
    def __init__(self, directory: Path, uri: str) -> None:
        self.directory, self.uri = directory, uri

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    def runs(self) -> list:
        experiment = self.client.get_experiment_by_name("tiny")
        return [] if experiment is None else self.client.search_runs([experiment.experiment_id])

    def run(self, trial: int):
        [run] = [run for run in self.runs() if run.data.tags.get("coftad.trial") == str(trial)]
        return run

    def parent(self):
        [run] = [run for run in self.runs() if run.data.tags["coftad.kind"] == "sweep"]
        return run


def run_doctor(directory, **options) -> tuple[int, str]:
    text = io.StringIO()
    code = doctor(directory, Console(file=text, width=200), **{"fix": False, **options})
    return code, text.getvalue()


def kinds(directory, **options) -> list[str]:
    return sorted(each.kind for each in diagnose(directory, **options))


def contents(directory) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def named_and_mended(directory, *expected: str) -> str:
    """Looking names exactly these and changes nothing; mending leaves nothing. What was printed."""
    before = contents(directory)
    assert kinds(directory) == sorted(expected)
    code, output = run_doctor(directory)
    assert (code, contents(directory)) == (1, before), "looking changed something"
    code, mended = run_doctor(directory, fix=True)
    assert code == 0, mended
    assert diagnose(directory) == []
    assert run_doctor(directory) == (0, "study, records and MLflow agree\n")
    return output


def trials(directory):
    return load_study(directory).get_trials()


def lines(directory) -> list[dict]:
    return [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]


def write_lines(directory, entries) -> None:
    (directory / "records.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def scores(directory, trial, episode=0) -> Path:
    return directory / f"scores/trial-{trial:04d}-episode-{episode:03d}.npz"


def is_queued_again(directory, number) -> None:
    """`number` counts no more, and the last trial of the study waits with its configuration."""
    *_, last = trials(directory)
    assert not counts(trials(directory)[number])
    assert last.state == TrialState.WAITING
    assert last.user_attrs["retry_of"] == number
    assert last.system_attrs["fixed_params"] == trials(directory)[number].params


def test_a_sound_sweep_has_nothing_to_mend(sweep):
    assert diagnose(sweep.directory) == []
    before = contents(sweep.directory)
    assert run_doctor(sweep.directory, fix=True) == (0, "study, records and MLflow agree\n")
    assert contents(sweep.directory) == before


def test_another_folder_is_not_a_sweeps(tmp_path):
    code, output = run_doctor(tmp_path)
    assert code == 2
    assert "is not a sweep's directory" in output


def test_a_torn_last_line_is_cut_off(sweep):
    with (sweep.directory / "records.jsonl").open("ab") as file:
        file.write(b'{"trial": 9')
    before = lines_whole(sweep.directory)
    assert "torn off after 11 bytes" in named_and_mended(sweep.directory, "torn_line")
    assert lines(sweep.directory) == before


def lines_whole(directory) -> list[dict]:
    return [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()[:-1]]


def test_a_damaged_line_is_set_aside_and_its_trial_runs_again(sweep):
    path = sweep.directory / "records.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first[:100] + b"\n" + b"".join(rest))
    output = named_and_mended(sweep.directory, "damaged_line", "orphan_scores", "records_lost")
    assert "trial 0: the study says COMPLETE after 2 episodes; the records have 1" in output
    is_queued_again(sweep.directory, 0)
    [aside] = sweep.directory.glob("set-aside/*/records.jsonl")
    assert aside.read_bytes() == first[:100] + b"\n"


def test_of_doubled_records_the_first_stays(sweep):
    entries = lines(sweep.directory)
    write_lines(sweep.directory, [*entries, entries[0] | {"host": "elsewhere"}])
    named_and_mended(sweep.directory, "doubled_record")
    assert lines(sweep.directory) == entries
    assert all(path.is_file() for path in (scores(sweep.directory, 0, 0), scores(sweep.directory, 0, 1)))


def test_scores_without_a_record_and_unfinished_files_are_set_aside(sweep):
    shutil.copy(scores(sweep.directory, 0), scores(sweep.directory, 9))
    (sweep.directory / "scores/.trial-0001-episode-000.npz.77.tmp").write_bytes(b"half")
    (sweep.directory / ".context.json.77.tmp").write_bytes(b"half")
    (sweep.directory / "artifacts/.trial-0001.tmp").mkdir(parents=True)
    named_and_mended(sweep.directory, "orphan_scores", *["unfinished_file"] * 3)
    assert len(list(sweep.directory.glob("set-aside/*/scores/*.npz"))) == 1


@pytest.mark.parametrize("trial", [0, 2], ids=["complete", "pruned"])
@pytest.mark.parametrize("damage", ["missing", "cut", "of another shape"])
def test_lost_scores_make_their_trial_run_again(sweep, damage, trial):
    file = scores(sweep.directory, trial)
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-50])
    else:
        entries = lines(sweep.directory)
        del next(each for each in entries if each["trial"] == trial)["rows"][-1]
        write_lines(sweep.directory, entries)
    expected = ["scores_lost"] + ["records_lost"] * (damage == "of another shape" and trial == 0)
    output = named_and_mended(sweep.directory, *expected)
    assert f"trial {trial}, episode 0: recorded, but scores/trial-000{trial}-episode-000.npz" in output
    is_queued_again(sweep.directory, trial)


def test_a_lost_record_makes_its_trial_run_again_and_the_old_study_is_kept(sweep):
    write_lines(
        sweep.directory, [each for each in lines(sweep.directory) if (each["trial"], each["episode"]) != (1, 1)]
    )
    before = [(trial.state, trial.value) for trial in trials(sweep.directory)]
    named_and_mended(sweep.directory, "orphan_scores", "records_lost")
    is_queued_again(sweep.directory, 1)
    assert trials(sweep.directory)[0].value == before[0][1]
    [kept] = sweep.directory.glob("set-aside/*/study.db")
    assert [(trial.state, trial.value) for trial in load_study(kept.parent).get_trials()] == before


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
    study.tell(number, state=TrialState.FAIL)
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
    assert kinds(sweep.directory) == ["doubled_record", "spec"]
    code, output = run_doctor(sweep.directory, fix=True)
    assert code == 1
    assert "mended 1; 1 disagreement\n" in output
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


def test_runs_that_are_missing_doubled_strange_or_wrong_are_put_right(shown):
    assert diagnose(shown.directory) == []
    client, parent = shown.client, shown.parent()
    client.delete_run(shown.run(0).info.run_id)
    client.log_metric(shown.run(1).info.run_id, "auroc", 0.123)
    client.update_run(shown.run(2).info.run_id, status="RUNNING")
    experiment = parent.info.experiment_id
    for trial in ("3", "77"):
        client.create_run(experiment, tags={**shown.run(3).data.tags, "coftad.trial": trial})
        if trial == "3":
            doubled = [run for run in shown.runs() if run.data.tags.get("coftad.trial") == "3"]
            client.set_tag(doubled[0].info.run_id, "coftad.trial", "99")  # two for now: `run` wants one
    for run in shown.runs():
        if run.data.tags.get("coftad.trial") == "99":
            client.set_tag(run.info.run_id, "coftad.trial", "3")
    output = named_and_mended(
        shown.directory, "run_doubled", "run_missing", "run_running", "run_value", "run_without_trial"
    )
    assert "trial 0: the study says complete; MLflow has no run" in output
    assert re.search(r"trial 1: the records say AUROC 0\.\d+; MLflow says 0\.123", output)
    assert "trial 2: the study says pruned; MLflow says RUNNING" in output
    assert "trial 3: MLflow has 2 runs" in output
    assert "trial 77: MLflow has a run; the study has no such trial" in output
    assert [shown.run(trial).info.status for trial in range(4)] == ["FINISHED", "FINISHED", "KILLED", "FAILED"]
    assert shown.run(1).data.metrics["auroc"] == pytest.approx(trials(shown.directory)[1].value)
    assert shown.parent().info.run_id == parent.info.run_id


def test_the_sweeps_own_run_is_put_right(shown):
    client, parent = shown.client, shown.parent()
    client.update_run(parent.info.run_id, status="RUNNING")
    client.create_run(parent.info.experiment_id, tags={"coftad.kind": "sweep", **parent.data.tags})
    client.update_run(shown.run(0).info.run_id, status="FAILED")
    with (shown.directory / "tracking.jsonl").open("a") as file:
        finish = {"summary": {"test_auroc": 0.75}, "files": [], "status": "FINISHED", "at_ms": 1}
        file.write(json.dumps({"finish": finish}) + "\n")
    found = kinds(shown.directory)
    assert {"sweep_run_doubled", "sweep_run_running", "summary_unsent", "run_status"} <= set(found)
    assert run_doctor(shown.directory, fix=True)[0] == 0
    assert shown.parent().data.metrics["test_auroc"] == 0.75
    client.delete_run(shown.parent().info.run_id)
    named_and_mended(shown.directory, "sweep_run_missing", *["run_apart"] * 4)
    assert shown.parent().info.status == "FINISHED"


def test_what_is_mended_in_the_study_is_mended_in_mlflow(shown):
    scores(shown.directory, 0).unlink()
    with sqlite3.connect(shown.directory / "study.db") as database:
        database.execute("UPDATE trial_values SET value = 0.123 WHERE trial_id = 2")
    named_and_mended(shown.directory, "scores_lost", "value")
    assert sorted(run.data.tags.get("coftad.trial", "") for run in shown.runs()) == ["", "1", "2", "3"]
    is_queued_again(shown.directory, 0)


@pytest.mark.parametrize("damage", ["database", "ledger", "damaged ledger", "context", "damaged images"])
def test_a_lost_file_of_the_tracking_is_made_again(shown, damage):
    before = {trial: trials(shown.directory)[trial].value for trial in range(3)}
    if damage == "database":  # which nothing has opened before: MLflow keeps connections
        (shown.directory.parents[2] / "mlflow.db").unlink()
    elif damage == "ledger":
        (shown.directory / "tracking.jsonl").unlink()
    elif damage == "damaged ledger":
        with (shown.directory / "tracking.jsonl").open("a") as file:
            file.write("garbage\n")
    elif damage == "context":
        (shown.directory / "context.json").unlink()
    else:
        (shown.directory / "images.npz").write_bytes(b"PK")
    lost = ["sweep_run_missing", *["run_missing"] * 4]
    expected = {"database": lost, "ledger": lost, "damaged ledger": ["damaged_ledger"]}.get(damage, ["context"])
    named_and_mended(shown.directory, *expected)
    if damage != "ledger":  # without it, the runs of before cannot be told from another sweep's
        assert {trial: shown.run(trial).data.metrics["auroc"] for trial in range(3)} == pytest.approx(before)


def test_an_mlflow_out_of_reach_is_named_and_the_rest_is_mended(shown):
    scores(shown.directory, 0).unlink()
    away = "http://user:secret@127.0.0.1:9/"
    start = time.monotonic()
    assert kinds(shown.directory, tracking_uri=away) == ["mlflow_unreachable", "scores_lost"]
    code, output = run_doctor(shown.directory, fix=True, tracking_uri=away)
    assert time.monotonic() - start < 60
    assert code == 1
    assert "secret" not in output
    assert "mended 1; 1 disagreement\n" in output
    is_queued_again(shown.directory, 0)
    named_and_mended(shown.directory, "run_without_trial")


def test_a_tracking_uri_whose_credentials_were_not_kept_is_asked_for(shown):
    path = shown.directory / "context.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tracking_uri": None}))
    assert kinds(shown.directory) == ["mlflow_unknown"]
    assert run_doctor(shown.directory, tracking_uri=shown.uri)[0] == 0
