"""Folders with characters that URLs and shells read as something else."""

import shlex
import sqlite3
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient

from tests.tune_runner.sweep_files import SMALL, Files
from tune_runner.commands import commands
from tune_runner.mlflow_store import _artifact_root
from tune_runner.searcher import create_or_load
from tune_runner.spec_model import tracking_uri
from tune_runner.sqlite import sqlite_path, sqlite_url

ODD = ["exp #1", "100%", "a%20b", "what?", "{x}", 'it\'s "so"', "ünï&c=o;d@e:1", "[b] $HOME"]


@pytest.fixture(params=ODD)
def folder(request, tmp_path) -> Path:
    made = tmp_path / request.param
    made.mkdir()
    return made


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_study_is_where_it_is_meant(folder):
    path = folder / "study.db"
    create_or_load(sqlite_url(path), "s")
    assert files_below(folder.parent) == {f"{folder.name}/study.db"}
    assert optuna.get_all_study_names(sqlite_url(path)) == ["s"]
    assert sqlite_path(sqlite_url(path, "timeout=9")) == path


def test_mlflows_file_and_artifacts_are_beside_each_other(folder, monkeypatch):
    monkeypatch.chdir(folder)
    uri = tracking_uri("sqlite:///mlflow.db?timeout=30")
    assert sqlite_path(uri) == folder / "mlflow.db"
    assert uri.endswith("?timeout=30")
    assert tracking_uri(uri) == uri, "as it is read again from sweep.yaml"
    assert _artifact_root(uri) == (folder / "mlartifacts").as_uri()
    assert _artifact_root("postgresql://host/db") is None
    assert _artifact_root("http://127.0.0.1:5000") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exp #1", "a%20b", "what?"])
def test_mlflow_opens_the_file(tmp_path, name, monkeypatch):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    MlflowClient(tracking_uri=tracking_uri("sqlite:///mlflow.db")).create_experiment("e")
    assert files_below(tmp_path) == {f"{name}/mlflow.db"}
    with sqlite3.connect(folder / "mlflow.db") as database:
        assert ("e",) in database.execute("select name from experiments").fetchall()


def test_printed_commands_survive_a_shell(folder, monkeypatch):
    monkeypatch.chdir(folder)
    spec = Files(folder).load(SMALL, "tracking.uri=sqlite:///mlflow.db")
    hints = commands(spec, folder, best=3)
    browse = hints["browse"].partition("   #")[0]
    uri = shlex.split(browse)[-1]
    assert sqlite_path(uri) == folder / "mlflow.db"
    assert str(folder) in shlex.split(hints["resume"])
    assert str(folder) in shlex.split(hints["reproduce"])
    assert shlex.split(browse)[-3:-1] == ["ui", "--backend-store-uri"]


def test_the_interpreter_in_a_folder_with_a_blank_is_quoted(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "my env" / "python"))
    monkeypatch.chdir(tmp_path)
    spec = Files(tmp_path).load(SMALL)
    assert shlex.split(commands(spec, tmp_path, None)["resume"])[0] == "my env/python"
