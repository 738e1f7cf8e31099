"""What belongs to the whole process, and is after a sweep what it was before."""

import contextlib
import io
import logging
import os
import threading
import warnings
from pathlib import Path

import optuna
import pytest
import ray
import torch
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.train._internal import storage
from ray.tune.execution.tune_controller import TuneController

from coftad.devices import repeatable
from coftad.types import InputError
from tune_runner import cluster, mlflow_store, ray_client, ray_deaths
from tune_runner.process_environment import variables
from tune_runner.quiet import ignore_warning, quiet
from tune_runner.space import scratch


def test_variables_are_set_where_the_user_has_not_and_put_back(monkeypatch):
    monkeypatch.setenv("THE_USERS", "own")
    monkeypatch.setenv("FORCED", "before")
    before = dict(os.environ)
    with (
        contextlib.suppress(KeyError),
        variables({"THE_USERS": "ours", "NEW": "ours"}, {"FORCED": "now"}, restored=("SET_BY_A_LIBRARY",)),
    ):
        assert (os.environ["THE_USERS"], os.environ["NEW"], os.environ["FORCED"]) == ("own", "ours", "now")
        os.environ["SET_BY_A_LIBRARY"] = "yes"
        raise KeyError
    assert dict(os.environ) == before


def methods():
    return (
        RayActorManager._actor_task_failed,
        TuneController._process_trial_failure,
        storage._get_ray_train_session_dir,
    )


def test_rays_classes_are_patched_for_a_sweep_only():
    before = methods()
    with contextlib.suppress(KeyError), ray_deaths.patched():
        assert methods()[:2] == (ray_deaths._actor_task_failed, ray_deaths._process_trial_failure)
        raise KeyError
    assert methods() == before


def test_rays_staging_folder_is_replaced_for_a_sweep_only(monkeypatch):
    before = methods()
    with ray_client.staging():
        assert methods() == before, "Ray has a folder on this machine"
    monkeypatch.setattr("ray.util.client.ray.is_connected", lambda: True, raising=False)
    with contextlib.suppress(KeyError), ray_client.staging():
        folder = storage._get_ray_train_session_dir()
        assert os.path.isdir(folder)
        raise KeyError
    assert methods() == before
    assert not os.path.exists(folder)


@pytest.fixture
def no_ray(monkeypatch, tmp_path):
    """ray.init notes the environment; home is a folder where nothing can be made."""
    seen = {}
    monkeypatch.setattr(ray, "init", lambda **_: seen.update(os.environ))
    monkeypatch.setattr(cluster, "_available", lambda: None)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return seen


def test_a_ray_of_our_own_has_a_token_of_its_own_and_leaves_the_users_alone(no_ray, monkeypatch, tmp_path):
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("the user's")
    token.chmod(0o644)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = dict(os.environ)
    with cluster.connected(None, insecure=False):
        os.environ["RAY_AUTH_MODE"] = "token"  # as Ray does
    assert dict(os.environ) == before
    own = no_ray["RAY_AUTH_TOKEN_PATH"]
    assert not own.startswith(str(tmp_path))
    assert os.stat(own).st_mode & 0o777 == 0o600
    assert len(Path(own).read_text()) == 64
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("the user's", 0o644)
    assert no_ray["TUNE_DISABLE_SIGINT_HANDLER"] == "1"


@pytest.mark.parametrize("name", ["RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_what_the_user_says_of_tokens_holds(name, no_ray, monkeypatch):
    monkeypatch.setenv(name, "disabled" if name == "RAY_AUTH_MODE" else "0123456789abcdef")
    with cluster.connected(None, insecure=False):
        pass
    assert no_ray[name] == os.environ[name]
    assert ("RAY_AUTH_TOKEN_PATH" in no_ray) == (name == "RAY_AUTH_TOKEN_PATH")


def test_optuna_is_quiet_in_one_thread_and_as_loud_as_before_elsewhere():
    optuna.logging.set_verbosity(optuna.logging.INFO)
    handler = logging.StreamHandler(io.StringIO())
    logging.getLogger("optuna").addHandler(handler)
    inside, made = threading.Event(), threading.Event()

    def report():
        with quiet():
            optuna.create_study(study_name="of the report")
            inside.set()
            made.wait(30)
            optuna.create_study(study_name="of the report, too")

    try:
        thread = threading.Thread(target=report)
        with quiet():
            pass  # so that the handler has the filter
        thread.start()
        assert inside.wait(30)
        optuna.create_study(study_name="of the user")
        made.set()
        thread.join()
        scratch()
        optuna.create_study(study_name="later")
        told = handler.stream.getvalue()
    finally:
        logging.getLogger("optuna").removeHandler(handler)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
    assert [line.rpartition("name: ")[2] for line in told.splitlines()] == ["of the user", "later"]


def test_a_known_warning_is_ignored_without_a_change_to_others():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        count = len(warnings.filters)
        for _ in range(3):
            ignore_warning("this one", UserWarning)
        assert len(warnings.filters) == count + 1
        warnings.warn("this one is known", UserWarning, stacklevel=1)
        warnings.warn("another", UserWarning, stacklevel=1)
    assert [str(each.message) for each in seen] == ["another"]


def test_mlflows_client_settings_are_those_that_are_listed_and_the_users_win(monkeypatch):
    for name in mlflow_store._ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "99")
    before = dict(os.environ)
    mlflow_store.prepare_environment()
    changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
    left = {name: value for name, value in mlflow_store._ENVIRONMENT.items() if name != "MLFLOW_HTTP_REQUEST_TIMEOUT"}
    assert changed == left


@pytest.mark.parametrize("workspace", [None, ":16:8"])
def test_a_repeatable_computation_leaves_torch_as_it_was(workspace, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    if workspace is not None:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", workspace)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with repeatable(1):
            assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == (workspace or ":4096:8")
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == workspace
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_temporary_folder_that_ray_cannot_use_is_one_sentence(variable, monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    long = tmp_path / ("a" * 100)
    for folder, words in ((long, "path is too long"), ("/proc/none", "cannot be used")):
        monkeypatch.setenv(variable, str(folder))
        with pytest.raises(InputError, match=words) as caught:
            cluster.connected(None, insecure=False).__enter__()
        assert f"it is {folder}, from {variable}" in str(caught.value)
        assert "set RAY_TMPDIR" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        assert not ray.is_initialized()
