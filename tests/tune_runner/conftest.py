"""What several tests of the sweep start from."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.tune_runner import planted
from tests.tune_runner.doctored import Shown
from tests.tune_runner.driven import Driven
from tests.tune_runner.sweep_files import Files
from tests.tune_runner.tiny import Shell
from tests.tune_runner.tracked import sweep as noise
from tune_runner.context import SweepContext
from tune_runner.reconcile import load_study
from tune_runner.searcher import StudySearcher


@pytest.fixture
def shell(tmp_path) -> Shell:
    folder = tmp_path / "work"
    folder.mkdir()
    return Shell(folder)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with MLflow's tables, made once: it takes 4 s."""
    folder = tmp_path_factory.mktemp("empty")
    MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
    return (folder / "mlflow.db").read_bytes()


@pytest.fixture
def uri(tmp_path: Path, empty_database: bytes) -> str:
    (tmp_path / "mlflow.db").write_bytes(empty_database)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def driven(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> Driven:
    return Driven(tmp_path, uri, monkeypatch)


@pytest.fixture
def context(tmp_path: Path, uri: str) -> SweepContext:
    return noise(tmp_path / "sweep", uri)


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


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return Files(tmp_path)
