"""The chaos run, small; the README's table has the whole one, with its command."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_sweep_that_is_killed_again_and_again_holds_what_an_undisturbed_one_holds() -> None:
    command = ["-m", "tests.chaos", "--configurations", "6", "--kills", "2", "--mlflow", "away"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "driver killed 2 times" in done.stdout
