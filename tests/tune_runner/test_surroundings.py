"""A process whose surroundings are odd: a notebook's variables, no home."""

import os
import subprocess
import sys

import pytest

from coftad.types import InputError
from tests.tune_runner.test_imports import run
from tune_runner.home import require_home

BACKEND = "module://matplotlib_inline.backend_inline"


@pytest.mark.slow
def test_a_notebooks_backend_of_matplotlib_is_not_used(monkeypatch, untracked):
    monkeypatch.setenv("MPLBACKEND", BACKEND)
    assert "matplotlib" in run("report", untracked.directory)


def test_every_figure_would_fail_with_that_backend(monkeypatch):
    """Else the test above could not."""
    monkeypatch.setenv("MPLBACKEND", BACKEND)
    done = subprocess.run([sys.executable, "-c", "import matplotlib"], capture_output=True, text=True, check=False)
    assert "Key backend" in done.stderr


def test_a_user_without_any_home_is_told_in_one_line(monkeypatch):
    require_home()
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(InputError, match=rf"HOME is not set, and user {os.getuid()} has no entry") as caught:
        require_home()
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.slow
def test_a_home_that_cannot_be_written_is_no_hindrance(shell):
    shell.write(tracking=None, budget={"trials": 2}, search={"sampler": "random"})
    shell.environment |= {
        "HOME": "/proc/self",
        "MPLBACKEND": BACKEND,
        "FORCE_COLOR": "1",
    }
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        shell.environment.pop(name, None)
    done = shell("--sweep", "sweep.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[2/2] trial" in done.stdout
    assert "Traceback" not in done.stderr
