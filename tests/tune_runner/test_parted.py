"""A file with `parts`, run through real Ray workers."""

import json
import os
import shutil
import signal

import pytest

from tests.tune_runner.tiny import TINY
from tune_runner import parted
from tune_runner.commands import resumption
from tune_runner.parts_index import read_index
from tune_runner.reconcile import load_study

pytestmark = pytest.mark.slow

OF_BOTH = {key: TINY["dataset"][key] for key in ("image_size", "shots", "holdout", "pool_normal", "pool_anomalous")}
PARTED = {
    "dataset": OF_BOTH,
    "space": {"n_a": {"choice": [1, 3]}},
    "parts": {
        "dataset": {
            "solder": {"name": "semicon", "normal": 40, "defective": 20},
            "tiles": {"name": "magnetic_tile", "root": "nowhere"},
        },
        "trainer.steps": [0, 2],
    },
    "episodes": 1,
    "budget": {"trials": 1},
}


def trials(directory):
    study = load_study(directory)
    return 0 if study is None else len(study.trials)


def test_parts_run_one_after_the_other_and_lacking_ones_are_told_and_left_out(shell):
    file = shell.write(**PARTED)
    refused = shell("--sweep", file)
    assert refused.returncode == 2
    assert "nowhere" in refused.stderr
    assert "--allow-partial" in refused.stderr
    assert not (shell.folder / "runs").exists()

    planned = shell("--sweep", file, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "2 of 4 parts have images" in planned.stdout
    assert "runs/tiny/.../solder_0, MLflow" in planned.stdout

    done = shell("--sweep", file, "--allow-partial")
    assert done.returncode == 0, done.stdout + done.stderr
    directory = shell.only_run()
    index = read_index(directory)
    assert [entry.folder for entry in index] == ["solder_0", "solder_2", "tiles_0", "tiles_2"]
    assert [bool(entry.missing) for entry in index] == [False, False, True, True]
    assert index[1].choices == {"dataset": "solder", "trainer.steps": "2"}
    assert "nowhere" in index[2].missing
    assert [trials(directory / entry.folder) for entry in index] == [1, 1, 0, 0]
    summary = json.loads((directory / "solder_2" / "summary.json").read_text())
    assert summary["name"] == "tiny_solder_2"
    assert f"{100 * summary['best']['test_auroc']:.1f}" in done.stdout

    # a driver that died after the first part: the second is as it was when the folder was made
    for path in (directory / "solder_2").iterdir():
        if path.name != "sweep.yaml":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = (directory / "solder_0" / "records.jsonl").read_bytes()
    again = shell("--resume", directory)
    assert again.returncode == 0, again.stdout + again.stderr
    assert trials(directory / "solder_2") == 1
    assert (directory / "solder_0" / "records.jsonl").read_bytes() == before

    for part in ("solder_0", "solder_2"):
        (directory / part / "report.html").unlink()
    for command in ("report", "compare", "doctor", "--sync"):
        told = shell(command, directory)
        assert told.returncode == 0, told.stdout + told.stderr
        assert "solder_0" in told.stdout
        assert "solder_2" in told.stdout
    assert all((directory / part / "report.html").is_file() for part in ("solder_0", "solder_2"))


OF_STEPS = {"space": {"n_a": {"choice": [1, 3]}}, "parts": {"trainer.steps": [0, 2, 4]}, "episodes": 1}


def begun(directory):
    return [trials(directory / entry.folder) > 0 for entry in read_index(directory)]


def test_parts_without_any_time_left_are_not_begun_and_can_be_resumed(driven):
    driven.on("ended", lambda: driven.spend(7200))
    assert driven.start(**OF_STEPS, budget={"trials": 1, "wall_time": "1h"}) == 0
    assert begun(driven.directory) == [True, False, False]
    assert len(driven.halts) == 1, "Ray was not asked for the others"
    assert driven.text.count("not begun") == 2
    assert "the wall-time budget is spent" in driven.text
    assert f"--resume {driven.directory}" in driven.text
    assert driven.resume() == 0
    assert begun(driven.directory) == [True, True, True]


def test_an_interrupt_between_parts_ends_all_of_them(driven):
    driven.before(parted.resources, "share", lambda: os.kill(os.getpid(), signal.SIGINT))
    assert driven.start(**OF_STEPS, budget={"trials": 1}) == 130
    assert f"to go on with all parts: {resumption(driven.directory)}" in driven.text
    assert not any(begun(driven.directory)[1:])
    assert driven.resume() == 0
    assert begun(driven.directory) == [True, True, True]


def test_an_exception_in_a_part_closes_it_and_says_how_to_go_on_with_all(driven):
    driven.on("begun", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        driven.start(**OF_STEPS, budget={"trials": 1})
    assert f"to go on with all parts: {resumption(driven.directory)}" in driven.text
    assert "RUNNING" not in driven.runs().values()
