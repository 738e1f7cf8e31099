"""A commit is reported for code that the repository tracks, and for no other."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tune_runner import environment
from tune_runner.context import git_tags

COMMIT, DIRTY = "mlflow.source.git.commit", "mlflow.source.git.dirty"
CODE = ("tune_runner", "coftad")


def git(folder: Path, *words: str) -> str:
    options = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path):
    """Some project under git, with a virtual environment that it ignores."""
    (tmp_path / ".gitignore").write_text(".venv/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def copy(place: Path) -> Path:
    source = Path(environment.__file__).parents[1]
    for name in CODE:
        shutil.copytree(source / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place / "tune_runner"


def test_a_repository_that_only_surrounds_the_code_is_not_its_source(repository, monkeypatch):
    folder = copy(repository / ".venv" / "lib")
    tags = git_tags(folder)
    assert COMMIT not in tags
    assert tags == {} or tags["coftad.version"].startswith("installed version ")
    monkeypatch.setattr(environment, "git_tags", lambda: {"coftad.version": "installed version 1.2"})
    assert environment.here()["commit"] == "installed version 1.2"


def test_the_state_of_the_code_is_that_of_its_own_files(repository):
    folder = copy(repository)
    assert COMMIT not in git_tags(folder), "nobody has added it"
    git(repository, "add", *CODE)
    git(repository, "commit", "-q", "-m", "second")
    (repository / "notes.txt").write_text("not code")
    (repository / ".gitignore").write_text("changed\n")
    tags = git_tags(folder)
    assert tags[COMMIT] == git(repository, "rev-parse", "HEAD").strip()
    assert tags[DIRTY] == "False"
    (repository / "coftad" / "new.py").write_text("")
    assert git_tags(folder)[DIRTY] == "True"


def test_code_outside_of_any_repository_has_no_commit(tmp_path):
    assert COMMIT not in git_tags(copy(tmp_path))
