"""Every field of what MLflow holds of a sweep, and of the files that belong to it, is compared."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tune_runner.doctored import run_doctor
from tests.tune_runner.test_doctor_fields import changes, missed, rows_of, some
from tune_runner import doctor_notes
from tune_runner.checksums import FILE
from tune_runner.directory import artifact_folder
from tune_runner.doctor import diagnose
from tune_runner.parts_index import INDEX, Entry, write_index

pytestmark = pytest.mark.slow  # hundreds of examinations

# What is compared: a column, of the rows of each table that have it.
COLUMNS = {
    "params": ("value",),
    "tags": ("value",),
    "latest_metrics": ("value", "step"),
    "metrics": ("value", "step"),
    "runs": ("name", "status", "start_time", "end_time", "lifecycle_stage"),
    "datasets": ("name", "digest", "dataset_source_type", "dataset_source", "dataset_profile"),
}
# MLflow's own, or of when and by whom; the run's name is a column too; steps of a value that is alone say nothing.
NOT_OURS = {"mlflow.user", "mlflow.source.type", "mlflow.runName", "mlflow.sharedViewState"}


@pytest.mark.parametrize("table", COLUMNS)
def test_every_field_of_every_run(shown, table):
    assert diagnose(shown.directory) == []
    path = shown.directory.parents[2] / "mlflow.db"
    parent = shown.parent().info.run_id
    unrecorded = {parent, shown.run(3).info.run_id}
    looked_at = {parent, *(shown.run(trial).info.run_id for trial in (0, 3))}
    with sqlite3.connect(path) as database:
        rows = rows_of(database, table)
    database.close()
    assert rows
    silent, tried = [], 0
    for row in rows:
        if row.get("key", "").startswith(tuple(NOT_OURS)) or row.get("run_uuid", parent) not in looked_at:
            continue
        for column in COLUMNS[table]:
            value = row[column]
            if value is None or (row.get("run_uuid") in unrecorded and column in ("start_time", "end_time")):
                continue  # when a driver began and ended, or a trial without records; nothing else knows
            if column == "step" and table == "latest_metrics":
                continue  # of the history, which is the table `metrics`
            if column == "status":
                other = "FAILED" if value != "FAILED" else "FINISHED"
            elif column == "lifecycle_stage":
                other = "deleted"
            else:
                other = next(changes(value))
            execute(path, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", other, row["line"])
            tried += 1
            if not diagnose(shown.directory):
                silent.append((column, other, {name: str(each)[:60] for name, each in row.items()}))
            execute(path, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", value, row["line"])
    assert silent == []
    assert tried
    assert diagnose(shown.directory) == []


def execute(path, statement, *values) -> None:
    with sqlite3.connect(path, timeout=30) as database:
        database.execute(statement, values)
    database.close()


@pytest.mark.parametrize("table", ["params", "tags", "metrics"])
def test_what_is_gone_from_a_run_is_missed_and_sent_again(shown, table):
    path = shown.directory.parents[2] / "mlflow.db"
    run = shown.run(0).info.run_id
    key = {"params": "lambda_pp", "tags": "coftad.state", "metrics": "auroc_over/episode"}[table]
    execute(path, f"DELETE FROM {table} WHERE key = ? AND run_uuid = ?", key, run)
    if table == "metrics":
        execute(path, "DELETE FROM latest_metrics WHERE key = ? AND run_uuid = ?", key, run)
    assert [each.kind for each in diagnose(shown.directory)] == ["run_changed"]
    assert run_doctor(shown.directory, fix=True)[0] == 0
    assert diagnose(shown.directory) == []


def test_the_sweeps_own_run_is_sent_again_with_all_under_it(shown):
    shown.client.set_tag(shown.parent().info.run_id, "coftad.dataset", "another")
    assert [each.kind for each in diagnose(shown.directory)] == ["sweep_run_changed"]
    assert run_doctor(shown.directory, fix=True)[0] == 0
    assert diagnose(shown.directory) == []
    assert len(shown.runs()) == 5


def test_what_users_add_to_a_run_is_theirs(shown):
    run = shown.run(0).info.run_id
    shown.client.set_tag(run, "favourite", "yes")
    shown.client.log_metric(run, "my_metric", 1.0)
    assert diagnose(shown.directory) == []


def test_artifacts_are_missed(shown):
    assert artifact_folder(shown.directory, 0).is_dir()
    assert diagnose(shown.directory) == []
    folder = Path(shown.run(0).info.artifact_uri.removeprefix("file://"))
    assert len(list(folder.iterdir())) == 6
    for file in sorted(folder.iterdir()):
        before = file.read_bytes()
        file.unlink()
        assert [each.kind for each in diagnose(shown.directory)] == ["run_changed"], file
        file.write_bytes(before[:-1])
        assert [each.kind for each in diagnose(shown.directory)] == ["run_changed"], file
        file.write_bytes(before)
    assert diagnose(shown.directory) == []


def test_every_file_of_a_trials_artifacts(shown):
    folder = artifact_folder(shown.directory, 0)
    names = {path.name for path in folder.iterdir()} - {FILE}
    assert {"config.yaml", "scores.csv", "roc.png"} <= names
    for name in names:
        text = (folder / name).read_bytes()
        assert missed(shown.directory, folder / name, [(name, text[:-1] + b"?"), (f"{name} is gone", None)]) == []


@pytest.mark.parametrize("name", ["context.json", "tracking.jsonl"])
def test_every_field_of_the_files_of_the_tracking(shown, name):
    path = shown.directory / name
    text = path.read_text()
    if name == "context.json":
        variants = [(str(other)[:200], json.dumps(other).encode()) for other in some(changes(json.loads(text)), 40)]
    else:
        lines = text.splitlines()
        variants = [
            (f"{place}: {key}", "\n".join([*lines[:place], other, *lines[place + 1 :], ""]).encode())
            for place, line in enumerate(lines)
            for key, value in json.loads(line).items()
            for other in [json.dumps({**json.loads(line), key: next(changes(value))})]
        ]
    assert len(variants) > 10
    assert missed(shown.directory, path, variants) == []


def test_the_images_that_mlflow_is_told_of(shown):
    path = shown.directory / "images.npz"
    text = path.read_bytes()
    middle = len(text) // 2
    other = text[:middle] + bytes([text[middle] ^ 1]) + text[middle + 1 :]
    assert missed(shown.directory, path, [("a bit", other), ("gone", None)]) == []


def test_the_index_of_parts(shown, capsys):
    folder = shown.directory.parent / "parts"
    shutil.copytree(shown.directory, folder / "one")
    write_index(folder, [Entry("one", {"a": "b"})])
    assert doctor_notes.check_files(folder) == []
    path = folder / INDEX
    before = path.read_text()
    for other in changes(json.loads(before)):
        path.write_text(json.dumps(other, indent=1))
        assert [each.kind for each in doctor_notes.check_files(folder)] == ["file"], other
    path.write_text(before.replace('"b"', '"c"'))
    command = [sys.executable, "-m", "tune_runner", "doctor", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert f"{INDEX} is not as it was written" in done.stdout
