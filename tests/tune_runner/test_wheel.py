"""What `pip install .` installs runs without the checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder with the packages of a wheel that was built from a copy of the sources."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("coftad", "tune_runner", "sweeps"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        "out",
    ]
    done = subprocess.run([*command, "."], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = (copy / "out").glob("*.whl")
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    return folder


@pytest.mark.slow
def test_the_wheel_has_every_module_and_every_file_that_they_read(installed):
    for package in ("coftad", "tune_runner"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (installed / path.relative_to(ROOT)).is_file(), path
    paper = {path.name for path in (ROOT / "sweeps" / "paper").glob("*.yaml")}
    assert {path.name for path in (installed / "tune_runner" / "paper" / "sweeps").glob("*.yaml")} == paper


@pytest.mark.slow
def test_a_table_of_the_paper_is_planned_without_a_checkout(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tune_runner", "paper", "table1", "--dry-run"],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(installed),
            "COFTAD_DATA": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "parts" in done.stdout
