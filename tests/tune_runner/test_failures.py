"""Every way a trial can fail is one failed trial with its own reason, and the sweep goes on."""

import io

import optuna
import psutil
import pytest
import ray
import yaml
from optuna.trial import TrialState
from rich.console import Console

from tests.tune_runner.faults import DiesWhenReused, Faulty
from tests.tune_runner.tiny import TINY
from tune_runner import cluster, plan, resources, run, tuning
from tune_runner.directory import new_directory
from tune_runner.spec import Hardware, load
from tune_runner.trainable import failure

pytestmark = pytest.mark.slow


def sweep(tmp_path, faults, monkeypatch, trainable=Faulty, **changes):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COFTAD_CACHE", str(tmp_path / "cache"))
    content = {
        **TINY,
        "space": {"lambda_pp": {"choice": [float(fault) for fault in faults]}},
        "search": {"sampler": "grid"},
        "episodes": 1,
        "tracking": None,
        **changes,
    }
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(content))
    prepared = plan.prepare(load(path, [], Hardware(cpus=2)))
    directory = new_directory(prepared.spec)
    console = Console(file=io.StringIO(), width=200)
    code = run.drive(prepared, directory, resources.Share(1, 0, 2), console, trainable)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{directory}/study.db")
    return code, {trial.params["lambda_pp"]: trial for trial in study.get_trials()}, console.file.getvalue()


def test_each_fault_has_its_reason_and_the_others_finish(tmp_path, monkeypatch):
    budget = {"trials": 8, "trial_time": "6s", "retries": 1}
    monkeypatch.setattr(tuning, "_ROUND", 4)  # Tune gets the seven in two parts
    with cluster.connected(None, insecure=False):
        code, trials, text = sweep(tmp_path, range(7), monkeypatch, budget=budget)
    assert code == 0, text
    assert trials[0.0].state == TrialState.COMPLETE
    reasons = {int(fault): trial.user_attrs.get("reason") for fault, trial in trials.items()}
    assert reasons == {
        0: None, 1: "exit", 2: "crash", 3: "time_limit", 4: "worker_died", 5: "out_of_memory", 6: "exception",
    }  # fmt: skip
    assert all(trials[fault].state == TrialState.FAIL for fault in trials if fault)
    assert "sys.exit(3)" in trials[1.0].user_attrs["detail"]
    assert "Segmentation fault" in trials[2.0].user_attrs["detail"]
    assert "Timeout" in trials[3.0].user_attrs["detail"]
    assert "KeyError: 'a bug' at faults.py" in trials[6.0].user_attrs["detail"]


def test_a_worker_that_dies_while_it_is_handed_a_trial_is_one_of_the_retries(tmp_path, monkeypatch):
    (tmp_path / "graveyard").mkdir()
    monkeypatch.setenv("GRAVEYARD", str(tmp_path / "graveyard"))
    with cluster.connected(None, insecure=False):
        code, trials, text = sweep(
            tmp_path, [0, 8, 9, 10, 11, 12], monkeypatch, DiesWhenReused, budget={"trials": 6, "retries": 3}
        )
    assert code == 0, text
    assert len(list((tmp_path / "graveyard").iterdir())) == DiesWhenReused.LIVES
    assert [trial.state for trial in trials.values()] == [TrialState.COMPLETE] * 6, text


@pytest.mark.alone
def test_rays_memory_monitor_kills_a_worker_and_the_reason_is_memory(tmp_path, monkeypatch):
    used = 1 - psutil.virtual_memory().available / psutil.virtual_memory().total
    # the monitor acts a gigabyte or so above what is used now
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{used + 0.12:.3f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    with cluster.connected(None, insecure=False):
        code, trials, text = sweep(tmp_path, [0, 7], monkeypatch, budget={"trials": 2, "retries": 1})
    assert code == 0, text
    assert trials[7.0].user_attrs["reason"] == "out_of_memory", trials[7.0].user_attrs
    assert trials[0.0].state == TrialState.COMPLETE


def test_reasons_of_python_exceptions():
    assert failure(MemoryError()).reason == "out_of_memory"
    assert (
        failure(RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate")).reason
        == "out_of_memory"
    )
    assert failure(SystemExit(2)).reason == "exit"
    assert failure(ValueError("x")).reason == "exception"


@pytest.fixture(autouse=True)
def _no_ray_left():
    yield
    assert not ray.is_initialized()
