"""Every way in which MLflow and the sweep can come apart is named, and mended where that is possible."""

import json
import re
import sqlite3
import time

import pytest

from tests.tune_runner.doctored import is_queued_again, kinds, named_and_mended, run_doctor, scores, trials
from tests.tune_runner.planted import resealed
from tune_runner.doctor import diagnose
from tune_runner.journal import sealed

pytestmark = pytest.mark.slow  # a real MLflow database for every case


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
    assert shown.run(1).data.metrics["auroc"] == pytest.approx(trials(shown.directory)[1].user_attrs["search_auroc"])
    assert shown.parent().info.run_id == parent.info.run_id


def test_the_sweeps_own_run_is_put_right(shown):
    client, parent = shown.client, shown.parent()
    client.update_run(parent.info.run_id, status="RUNNING")
    client.create_run(parent.info.experiment_id, tags={"coftad.kind": "sweep", **parent.data.tags})
    client.update_run(shown.run(0).info.run_id, status="FAILED")
    with (shown.directory / "tracking.jsonl").open("a") as file:
        finish = {"summary": {"test_auroc": 0.75}, "files": [], "status": "FINISHED", "at_ms": 1}
        file.write(sealed(json.dumps({"finish": finish})) + "\n")
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
    before = {trial: trials(shown.directory)[trial].user_attrs["search_auroc"] for trial in range(3)}
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
    path.write_text(resealed("context.json", json.dumps(json.loads(path.read_text()) | {"tracking_uri": None})))
    assert kinds(shown.directory) == ["mlflow_unknown"]
    assert run_doctor(shown.directory, tracking_uri=shown.uri)[0] == 0
