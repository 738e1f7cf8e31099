"""Whole sweeps through real Ray workers, as a user runs them."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import optuna
import pytest
from mlflow.tracking import MlflowClient
from optuna.trial import TrialState

from tests.mlflow_server import until
from tests.tune_runner.tiny import TINY, Shell
from tune_runner.journal import RecordingError
from tune_runner.reconcile import load_study
from tune_runner.records import Records

pytestmark = pytest.mark.slow

FREE_RATE = {key: value for key, value in TINY["trainer"].items() if key != "learning_rate"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One whole tiny sweep: its shell, its directory, its output."""
    folder = tmp_path_factory.mktemp("sweep") / "work"
    folder.mkdir()
    shell = Shell(folder)
    done = shell("--sweep", shell.write())
    assert done.returncode == 0, done.stdout + done.stderr
    return shell, shell.only_run(), done.stdout


def study(directory):
    storage = f"sqlite:///{directory}/study.db"
    [name] = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)


def states(directory):
    return [trial.state for trial in study(directory).get_trials()]


def client(shell):
    return MlflowClient(f"sqlite:///{shell.folder}/mlflow.db")


def runs(shell, name="tiny"):
    found = client(shell)
    experiment = found.get_experiment_by_name(name)
    every = found.search_runs([experiment.experiment_id])
    [parent] = [run for run in every if "mlflow.parentRunId" not in run.data.tags]
    return parent, [run for run in every if "mlflow.parentRunId" in run.data.tags]


def test_every_configuration_is_recorded_told_and_shown(finished):
    _, directory, output = finished
    assert states(directory) == [TrialState.COMPLETE] * 4
    records = Records(directory).read()
    assert sorted((record.trial, record.episode) for record in records) == [(t, e) for t in range(4) for e in range(2)]
    for record in records:
        assert [(row.steps, row.scoring.n_a) for row in record.rows] == [(0, 1), (0, 3), (2, 1), (2, 3)]
        arrays = Records(directory).scores(record)
        assert arrays.scores.shape == (4, len(arrays.image_rows))
        assert set(arrays.losses) == {"con", "pp", "np", "all"}
    told = re.findall(r"^\[(\d)/4\] trial (\d) complete ([01]\.\d{3})  ", output, flags=re.M)
    assert [place for place, _, _ in told] == ["1", "2", "3", "4"]
    values = {str(trial.number): f"{trial.user_attrs['search_auroc']:.3f}" for trial in study(directory).get_trials()}
    assert {number: auroc for _, number, auroc in told} == values
    assert "test AUROC" in output
    assert "How much does each setting matter here?" in output
    assert "NO PRETRAINED" not in output  # they were asked to be random


def test_the_study_holds_the_best_row_mean_and_every_row(finished):
    _, directory, _ = finished
    records = Records(directory)
    for trial in study(directory).get_trials():
        aurocs = np.array([[row.search.auroc for row in record.rows] for record in records.of(trial.number)])
        assert trial.user_attrs["best_value"] == pytest.approx(aurocs.mean(0).max())
        assert trial.value == pytest.approx(
            aurocs.mean(0)[2:].max()
        )  # after fine-tuning, which the first two are before
        assert [row["auroc"] for row in trial.user_attrs["rows"]] == pytest.approx(aurocs.mean(0).tolist())
        assert trial.user_attrs["ray_trial"] == records.of(trial.number)[0].ray_trial


def test_mlflow_has_one_run_for_each_and_one_above(finished):
    shell, directory, _ = finished
    parent, children = runs(shell)
    assert parent.info.status == "FINISHED"
    assert {"test_auroc", "test_auroc_low", "test_auroc_high"} <= set(parent.data.metrics)
    assert len(children) == 4
    for child in children:
        assert child.info.status == "FINISHED"
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert not any("test" in name for name in child.data.metrics), "only the report may open `test`"
        assert {"auroc", "auroc_std", "auroc_n"} <= set(child.data.metrics)
        assert {"lambda_pp", "beta", "n_a", "steps", "backbone", "seed"} <= set(child.data.params)
        names = {file.path for file in client(shell).list_artifacts(child.info.run_id)}
        assert {"config.yaml", "scores.csv", "roc.png", "score_histogram.png", "gallery.png"} <= names
    curve = client(shell).get_metric_history(children[0].info.run_id, "auroc_over/steps")
    assert [point.step for point in curve] == [0, 2]
    values = sorted(child.data.metrics["auroc"] for child in children)
    assert values == pytest.approx(sorted(trial.user_attrs["search_auroc"] for trial in study(directory).get_trials()))


def test_the_report_stands_on_its_own(finished):
    _, directory, _ = finished
    page = (directory / "report.html").read_text()
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["trials"] == {"complete": 4, "pruned": 0, "failed": 0}
    best = summary["best"]
    assert best["search_auroc"] == pytest.approx(
        max(trial.user_attrs["search_auroc"] for trial in study(directory).get_trials())
    )
    assert best["test_interval"][0] <= best["test_auroc"] <= best["test_interval"][1]
    assert f"{100 * best['test_auroc']:.1f}" in page
    pictures = re.findall(r'<img[^>]* src="([^"]{30})', page)
    assert len(pictures) == 3  # no curves of so few trainings
    assert all(picture.startswith("data:image/png;base64,") for picture in pictures)
    assert not re.search(r'(?:src|href)="(?!data:|#)', page), "it is one file"


def test_the_printed_command_reproduces_the_best_trial_bit_for_bit(finished):
    """The sweep ran in reused Ray workers beside others; this runs in a fresh process without Ray."""
    shell, directory, output = finished
    [number] = re.findall(r"reproduce: .* --reproduce \S+ --trial (\d+)", output)
    again = shell("--reproduce", directory, "--trial", number)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("identical") == 2


def test_episodes_are_paired(finished):
    _, directory, _ = finished
    by_episode = {}
    for record in Records(directory).read():
        key = (record.seed, tuple(Records(directory).scores(record).image_rows))
        by_episode.setdefault(record.episode, set()).add(key)
    assert all(len(keys) == 1 for keys in by_episode.values())
    assert len({next(iter(keys))[0] for keys in by_episode.values()}) == 2


def test_resuming_a_whole_sweep_runs_nothing(finished):
    shell, directory, _ = finished
    before = (directory / "records.jsonl").read_bytes()
    again = shell("--resume", directory)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "0 trials to run" in again.stdout
    assert (directory / "records.jsonl").read_bytes() == before
    assert len(runs(shell)[1]) == 4


def test_a_configuration_that_explodes_is_one_failed_trial(shell):
    space = {"learning_rate": {"choice": [1.0e-5, 1.0]}, "steps": {"choice": [0, 30]}, "n_a": {"choice": [1]}}
    trainer = {**FREE_RATE, "batch_norm": "frozen"}  # statistics of the batch rein it in
    path = shell.write(space=space, trainer=trainer, search={"sampler": "grid"}, episodes=1)
    done = shell("--sweep", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    trials = study(shell.only_run()).get_trials()
    assert [trial.state for trial in trials if trial.params["learning_rate"] == 1.0] == [TrialState.FAIL]
    [failed] = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert failed.user_attrs["reason"] == "non_finite"
    assert "failed: non_finite: step" in done.stdout
    parent, children = runs(shell)
    assert sorted(child.info.status for child in children) == ["FAILED", "FINISHED"]
    assert parent.info.status == "FINISHED"


def test_the_best_is_validated_on_fresh_support_sets(shell):
    asked = {"validation": {"episodes": 1, "path": True}, "budget": {"trials": 2}, "tracking": None}
    done = shell("--sweep", shell.write(**asked))
    assert done.returncode == 0, done.stdout + done.stderr
    directory = shell.only_run()
    [again] = (directory / "validation").iterdir()
    assert {record.episode for record in Records(again).read()} == {0}
    assert {record.seed for record in Records(again).read()}.isdisjoint(
        record.seed for record in Records(directory).read()
    )
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["validation"]["episodes"] == 1
    assert done.stdout.count("best configuration:") == 1  # one report, of both
    more = shell("--resume", directory, "--set", "validation.episodes=2")
    assert more.returncode == 0, more.stdout + more.stderr
    assert "0 trials to run" in more.stdout
    assert json.loads((directory / "summary.json").read_text())["validation"]["episodes"] == 2


def test_asha_stops_weak_configurations_between_episodes(shell):
    space = {"learning_rate": {"loguniform": [1.0e-6, 1.0e-2]}}
    search = {"sampler": "random", "scheduler": "asha"}
    trainer = {**FREE_RATE, "steps": 2}
    path = shell.write(space=space, trainer=trainer, search=search, episodes=3, budget={"trials": 8}, tracking=None)
    done = shell("--sweep", path)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = study(shell.only_run()).get_trials()
    ended = [trial.state for trial in trials]
    assert set(ended) == {TrialState.COMPLETE, TrialState.PRUNED}
    recorded = Records(shell.only_run()).episodes()
    for trial in trials:
        assert (len(recorded[trial.number]) == 3) == (trial.state == TrialState.COMPLETE)


LONG = {"trainer.steps": 400, "space.steps": "null", "tracking": "null"}


def long(**changes):
    return [word for key, value in {**LONG, **changes}.items() for word in ("--set", f"{key}={value}")]


def test_the_wall_time_budget_ends_a_sweep_that_can_go_on(shell):
    running = shell.start("--sweep", shell.write(), *long(**{"budget.wall_time": "12s"}))
    until(lambda: list(shell.folder.glob("runs/*/*/study.db")), 180)  # Ray is there, and the clock runs
    start = time.monotonic()
    output, _ = running.communicate(timeout=300)
    assert running.returncode == 0, output
    assert time.monotonic() - start < 75
    assert "the wall-time budget is spent" in output
    directory = shell.only_run()
    assert TrialState.RUNNING not in states(directory)
    assert f"--resume {directory}" in output


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_interrupted_and_resumed_the_total_is_what_was_asked_for(shell, sign):
    running = shell.start("--sweep", shell.write(), "--set", "tracking.uri=sqlite:///mlflow.db")
    while not list(shell.folder.glob("runs/*/*/records.jsonl")):
        assert running.poll() is None, running.stdout.read()
        time.sleep(0.2)
    os.kill(running.pid, sign)
    output, _ = running.communicate(timeout=30)
    directory = shell.only_run()
    recorded = Records(directory).episodes()
    complete = [trial.number for trial in study(directory).get_trials(states=(TrialState.COMPLETE,))]
    if sign == signal.SIGINT:
        assert running.returncode == 130, output
        assert TrialState.RUNNING not in states(directory)
        assert "--resume" in output
        assert "Traceback" not in output
    done = shell("--resume", directory)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(directory).count(TrialState.COMPLETE) == 4
    assert TrialState.RUNNING not in states(directory)
    assert TrialState.WAITING not in states(directory)
    for number in complete:
        assert Records(directory).episodes()[number] == recorded[number]
    parent, children = runs(shell)
    finished = [child for child in children if child.info.status == "FINISHED"]
    assert len(finished) == 4
    assert not [child for child in children if child.info.status == "RUNNING"]
    assert parent.info.status == "FINISHED"


@pytest.mark.alone
def test_a_second_ctrl_c_ends_at_once(shell):
    running = shell.start("--sweep", shell.write(), *long())

    def asked():
        for path in shell.folder.glob("runs/*/*/study.db"):
            with contextlib.suppress(RecordingError):  # the driver is just making its tables
                begun = load_study(path.parent)
                return begun is not None and begun.get_trials()
        return False

    until(asked, 120)
    running.send_signal(signal.SIGINT)
    said = ""
    while "once more ends at once" not in said:  # the first one was heard
        said = running.stdout.readline()
        assert said, running.wait()
    running.send_signal(signal.SIGINT)
    second = time.monotonic()
    output, _ = running.communicate(timeout=60)
    assert time.monotonic() - second < 5
    assert running.returncode == 130
    assert "ended at once" in output
    assert f"--resume {shell.only_run()}" in output
    assert "Traceback" not in output


SIGNALLED = """
import os, signal, sys, importlib.abc

class Signal(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{sign})

sys.meta_path.insert(0, Signal())
sys.argv[0] = "tune_runner"
from tune_runner.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("sign", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["argparse", "tune_runner.cli", "torch", "ray"])
def test_an_interrupt_while_modules_are_loaded_is_one_word(shell, module, sign):
    """numpy and others turn a KeyboardInterrupt within their import into something else."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED.format(module=module, sign=sign), "--sweep", shell.write()],
        cwd=shell.folder,
        env={**shell.environment, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    assert not (shell.folder / "runs").exists()
