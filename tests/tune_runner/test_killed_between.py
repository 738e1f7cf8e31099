"""A driver that is killed between recording, telling the study and telling the tracker, and the one that goes on."""

import signal
import subprocess
import sys

import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState

from tune_runner.doctor import diagnose
from tune_runner.reconcile import load_study
from tune_runner.records import Records

pytestmark = pytest.mark.slow

KILLED = """
import os, signal, sys
from tune_runner import callback, cli, searcher

def killed(*_args, **_options):
    os.kill(os.getpid(), signal.SIGKILL)

{where} = killed
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "where", ["searcher.StudySearcher.complete", "callback.SweepCallback.track"], ids=["untold", "untracked"]
)
def test_a_finished_trial_is_neither_repeated_nor_lost(shell, where):
    path = shell.write()
    script = shell.folder / "killed.py"
    script.write_text(KILLED.format(where=where))
    first = subprocess.run(
        [sys.executable, script, "--sweep", path],
        cwd=shell.folder,
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert first.returncode == -signal.SIGKILL, first.stdout + first.stderr
    directory = shell.only_run()
    whole = [trial for trial, episodes in Records(directory).episodes().items() if len(episodes) == 2]
    assert len(whole) == 1
    before = Records(directory).of(whole[0])
    asked = shell("--doctor", directory)
    assert asked.returncode == 1
    done = shell("--resume", directory)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("1 trial(s) had finished when the last driver ended" in done.stdout) == ("complete" in where)
    trials = load_study(directory).get_trials()
    assert trials[whole[0]].state == TrialState.COMPLETE
    assert sum(trial.state == TrialState.COMPLETE for trial in trials) == 4
    assert not any(trial.user_attrs.get("retry_of") == whole[0] for trial in trials)
    assert Records(directory).of(whole[0]) == before
    client = MlflowClient(f"sqlite:///{shell.folder}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    shown = sorted(int(run.data.tags["coftad.trial"]) for run in runs if "coftad.trial" in run.data.tags)
    assert shown == [trial.number for trial in trials if trial.state == TrialState.COMPLETE]
    assert diagnose(directory) == []
    after = shell("--doctor", directory)
    assert (after.returncode, after.stdout) == (0, "study, records and MLflow agree\n")
