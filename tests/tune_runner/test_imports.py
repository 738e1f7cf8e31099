"""What a command loads, seen in a fresh process: libraries that take seconds only where they are needed."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "ray", "mlflow", "optuna", "sklearn", "kornia")

SCRIPT = """
import json, sys
from tune_runner import cli
try:
    code = cli.main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print("\\n" + json.dumps({"code": code, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def run(*arguments: object, folder=None, code: int = 0) -> set[str]:
    """The top-level modules that a process with these arguments has loaded when it ends with `code`."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["code"] == code, done.stdout + done.stderr
    assert "tune_runner" in seen["modules"]
    return set(seen["modules"])


@pytest.mark.slow
def test_the_script_sees_what_is_loaded(tmp_path):
    assert {"torch", "ray"} <= run("--resume", tmp_path, code=2)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["report"], ["compare"], ["doctor"]])
def test_what_only_reads_a_sweep_loads_no_ray(untracked, command):
    run("report", untracked.directory)
    modules = run(*command, untracked.directory)
    assert "ray" not in modules
    assert ("mlflow" in modules) == (command == ["doctor"])


@pytest.mark.slow
def test_a_dry_run_loads_neither_ray_nor_mlflow(shell):
    modules = run("--sweep", shell.write(), "--dry-run", folder=shell.folder)
    assert not {"ray", "mlflow"} & modules


def test_a_check_of_a_data_set_loads_neither_ray_nor_mlflow_nor_optuna(tmp_path):
    (tmp_path / "normal").mkdir()
    modules = run("data", "folder", "--root", tmp_path, code=2)
    assert not {"ray", "mlflow", "optuna"} & modules
