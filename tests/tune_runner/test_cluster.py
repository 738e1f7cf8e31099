"""Joining clusters: refusals, and a sweep over three nodes whose worker node dies."""

import os
import subprocess
import sys

import optuna
import pytest
import ray
import yaml
from optuna.trial import TrialState
from ray._common.utils import get_ray_address_file

from coftad.types import InputError
from tests.tune_runner.tiny import TINY
from tune_runner import cluster, resources
from tune_runner.records import Records
from tune_runner.spec import Hardware, Resources


def test_what_fits_on_the_hardware():
    assert resources.share("auto", Hardware(cpus=2), 10) == resources.Share(1, 0, 2)
    assert resources.share("auto", Hardware(cpus=64, gpus=4), 100) == resources.Share(1, 0.5, 8)
    assert resources.share(Resources(cpu=4), Hardware(cpus=10), 100).concurrent == 2
    assert resources.share(Resources(cpu=0.5), Hardware(cpus=2), 3).concurrent == 3
    assert resources.share(Resources(cpu=0.5), Hardware(cpus=2), 3).threads == 1
    with pytest.raises(InputError, match="asks for 1 cores and 1 GPUs; there are 8 cores and 0 GPUs"):
        resources.share(Resources(gpu=1), Hardware(cpus=8), 3)


@pytest.fixture
def no_token(monkeypatch, tmp_path):
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))


@pytest.mark.parametrize("address", ["192.0.2.7:6379", "ray://192.0.2.7:10001", "no-such-host.invalid:6379"])
def test_a_cluster_that_others_reach_needs_a_token(address, no_token):
    with (
        pytest.raises(InputError, match=r"token authentication is off.*--insecure"),
        cluster.connected(address, insecure=False),
    ):
        pass
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "no cluster answers at 127.0.0.1:1"),
        ("ray://127.0.0.1:1", "no cluster answers"),
        ("auto", "auto finds no Ray cluster"),
        ("localhost", "host:port or ray://host:port is accepted"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_in_seconds(address, words, no_token):
    with pytest.raises(InputError, match=words), cluster.connected(address, insecure=True):
        pass


def test_loopback_in_all_its_spellings(no_token):
    for address in ("127.0.0.1:6379", "ray://localhost:10001", "[::1]:6379", "127.0.0.2:1"):
        assert cluster.is_loopback(address), address
    for address in ("192.0.2.7:6379", "auto"):
        assert not cluster.is_loopback(address), address


@pytest.mark.parametrize(
    ("set_to", "used"),
    [({"RAY_TMPDIR": "ray", "TMPDIR": "tmp"}, "ray"), ({"TMPDIR": "tmp"}, "tmp")],
)
def test_auto_is_the_cluster_that_ray_start_left_where_ray_looks(set_to, used, monkeypatch, tmp_path):
    for name in ("RAY_ADDRESS", "RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, folder in set_to.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    assert cluster.resolved("auto") == ""
    (tmp_path / used / "ray").mkdir(parents=True)
    (tmp_path / used / "ray" / "ray_current_cluster").write_text("192.0.2.2:6399\n")
    assert cluster.resolved("auto") == "192.0.2.2:6399"
    assert get_ray_address_file(None) == str(tmp_path / used / "ray" / "ray_current_cluster"), "as Ray itself says"


TOKEN = "a-token-of-a-test-0123456789abcdef"


def in_a_process(shell, script, **environment):
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=shell.folder,
        env={**shell.environment, "PYTHONPATH": os.getcwd(), "RAY_AUTH_MODE": "disabled", **environment},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


DRIVER = """
import sys
from ray.cluster_utils import Cluster
from tune_runner import cli

nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
for _ in range(2):
    nodes.add_node(num_cpus=1)
code = cli.main(["--sweep", "sweep.yaml", "--address", nodes.address])
nodes.shutdown()
sys.exit(code)
"""


@pytest.mark.slow
def test_a_sweep_over_three_nodes_with_a_token_that_is_written_nowhere(shell):
    (shell.folder / "token").write_text(TOKEN)
    (shell.folder / "sweep.yaml").write_text(yaml.safe_dump({**TINY, "budget": {"trials": 6}}))
    output = in_a_process(shell, DRIVER, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(shell.folder / "token"))
    assert "6 trials to run, 3 at once" in output
    directory = shell.only_run()
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{directory}/study.db")
    assert [trial.state for trial in study.get_trials()] == [TrialState.COMPLETE] * 6
    assert TOKEN not in output
    for path in shell.folder.rglob("*"):
        if path.is_file() and path.name != "token":
            assert TOKEN.encode() not in path.read_bytes(), path
    # a worker on whichever node gives what one process here gives
    again = shell("--reproduce", directory, "--trial", "5")
    assert again.stdout.count("identical") == 2, again.stdout + again.stderr


NODE_DIES = """
import sys, threading, time
from pathlib import Path
from ray.cluster_utils import Cluster
from tune_runner import cli

nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
doomed = nodes.add_node(num_cpus=1)

def kill():
    while sum(path.read_bytes().count(b"\\n") for path in Path("runs").glob("*/*/records.jsonl")) < 3:
        time.sleep(0.02)
    nodes.remove_node(doomed, allow_graceful=False)

threading.Thread(target=kill, daemon=True).start()
code = cli.main(["--sweep", "sweep.yaml", "--address", nodes.address, "--insecure"])
nodes.shutdown()
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("retries", [0, 2])
def test_a_trial_whose_node_died_runs_on_another_or_fails_with_that_reason(shell, retries):
    shell.write(
        budget={"trials": 6, "retries": retries},
        space={"lambda_pp": {"uniform": [0, 1]}},
        trainer={**TINY["trainer"], "steps": 10},
        tracking=None,
    )
    output = in_a_process(shell, NODE_DIES)
    assert "6 trials to run, 2 at once" in output
    trials = optuna.load_study(study_name=None, storage=f"sqlite:///{shell.only_run()}/study.db").get_trials()
    failed = [trial.user_attrs["reason"] for trial in trials if trial.state == TrialState.FAIL]
    assert failed in ([[]] if retries else [["node_died"], ["unreachable"]]), output  # whichever Ray notices first
    assert len(trials) == 6
    assert all(trial.state.is_finished() for trial in trials)


CLIENT = """
import sys
from ray.cluster_utils import Cluster
from tune_runner import cli

port = 24001  # outside of what Ray gives to workers
head = {"num_cpus": 2, "include_dashboard": False, "ray_client_server_port": port}
nodes = Cluster(initialize_head=True, head_node_args=head)
code = cli.main(["--sweep", "sweep.yaml", "--address", f"ray://127.0.0.1:{port}"])
nodes.shutdown()
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.alone  # the server of Ray's client has to answer within half a minute
def test_a_sweep_through_rays_client_keeps_its_records_here(shell):
    """The driver stays in this process, and with it study, records and MLflow."""
    shell.write()
    output = in_a_process(shell, CLIENT)
    trials = optuna.load_study(study_name=None, storage=f"sqlite:///{shell.only_run()}/study.db").get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4, output
    assert len(Records(shell.only_run()).read()) == 8
