"""Every command of compose.yaml as a plain process, in the order and with the health checks written there."""

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from tests.docker.stack import Stack, connect, free_port, start_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WRITERS = 8
RUNS = 3  # of each writer
STEPS = 50  # metrics of each run


@pytest.fixture(scope="module")
def password() -> str:
    return f"{secrets.token_hex(8)}:\\'&"  # with what libpq's password file, a shell and sed find special


@pytest.fixture(scope="module")
def stack(compose: dict[str, Any], root: Path, password: str) -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="coft-"))  # short: Ray's sockets lie below it, and 107 bytes is the limit
    (folder / "secrets").mkdir(mode=0o700)
    (folder / "secrets" / "ray_token").write_text(secrets.token_hex(32) + "\n")  # as `openssl rand` and editors do
    (folder / "secrets" / "postgres_password").write_text(password + "\n")
    stack = Stack(compose["services"], root, folder)
    try:
        start_postgres(stack, password)
        stack.start("mlflow")
        stack.start_node("ray-head", f"--ray-client-server-port={free_port()}")
        stack.wait("ray-head")
        stack.start_node("worker")
        stack.wait("worker")
        stack.wait("mlflow")
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code


def jobs(stack: Stack, path: str = "", body: dict[str, str] | None = None) -> Any:
    """Ray's Jobs API: GET, or POST where there is a body."""
    token = (stack.folder / "secrets" / "ray_token").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.ports['8265']}/api/jobs/{path}",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def mlflow_uri(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.ports['5000']}"


def test_eight_writers_lose_nothing_between_http_and_postgresql(
    stack: Stack, mlflow_uri: str, password: str, tmp_path: Path
) -> None:
    client = MlflowClient(mlflow_uri)
    experiment = client.create_experiment("writers")
    picture = tmp_path / "picture.txt"
    picture.write_text("an artifact")

    def write(writer: int) -> None:
        mine = MlflowClient(mlflow_uri)
        for number in range(RUNS):
            run = mine.create_run(experiment, run_name=f"{writer}-{number}").info.run_id
            mine.log_batch(run, [Metric("auroc", writer + step / 100, 0, step) for step in range(STEPS)])
            mine.log_artifact(run, str(picture))
            mine.set_terminated(run)

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS)))

    with connect(stack, "mlflow", password) as database:
        runs = database.execute("SELECT name, status FROM runs").fetchall()
        metrics = database.execute("SELECT count(*), sum(value) FROM metrics").fetchone()
    assert sorted(runs) == sorted((f"{writer}-{run}", "FINISHED") for writer in range(WRITERS) for run in range(RUNS))
    expected = sum(writer + step / 100 for writer in range(WRITERS) for _ in range(RUNS) for step in range(STEPS))
    assert metrics == (WRITERS * RUNS * STEPS, pytest.approx(expected))
    stored = list((stack.folder / "mlflow" / "artifacts").rglob("picture.txt"))
    assert len(stored) == WRITERS * RUNS
    assert {one.read_text() for one in stored} == {"an artifact"}


def test_mlflow_answers_only_to_its_names(mlflow_uri: str) -> None:
    assert status(mlflow_uri, Host="localhost:5000") == 200
    assert status(mlflow_uri, Host="mlflow:5000") == 200
    assert status(mlflow_uri, Host="evil.example:5000") == 403


def test_the_password_is_in_no_command_environment_or_log(stack: Stack, password: str) -> None:
    shown = list(stack.shows("mlflow"))
    assert len(shown) > 2
    assert not any(password in one or repr(password)[1:-1] in one for one in shown)
    assert password not in (stack.folder / "mlflow.log").read_text()
    assert stat_mode(stack.folder / "pgpass") == 0o600


def stat_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_job_runs_on_a_worker_with_the_code_of_the_checkout(stack: Stack) -> None:
    program = (
        "import tune_runner, ray; ray.init(logging_level='ERROR');"
        "where = ray.remote(lambda: ray.get_runtime_context().get_node_id()).remote();"
        "print('elsewhere', ray.get(where) != ray.get_runtime_context().get_node_id());"
        "print('nodes', len(ray.nodes())); print('code', tune_runner.__file__)"
    )
    submit = stack.command("submit")
    submit = [*submit[: submit.index("--") + 1], "python", "-c", program]
    found = subprocess.run(
        submit, env=stack.environment("submit"), capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "elsewhere True" in found.stdout  # the head has no cores of its own: only the worker can have run it
    assert "nodes 2" in found.stdout
    assert re.search(r"code \S*/working_dir_files/\S*/tune_runner/__init__.py", found.stdout)


def test_a_stopped_job_is_interrupted_and_may_finish_its_work(stack: Stack) -> None:
    program = (  # its output is not in its text, which Ray logs too
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in what a shell started with &
        "try:\n print('beg' 'un', flush=True); time.sleep(100)\n"
        "except KeyboardInterrupt:\n time.sleep(5); print('clo' 'sed')"  # Ray's own patience would be 3 s
    )
    job = jobs(stack, body={"entrypoint": f"python -c {shlex.quote(program)}"})["submission_id"]

    def await_log(word: str) -> None:
        deadline = time.monotonic() + 60
        while word not in (log := jobs(stack, f"{job}/logs")["logs"]):
            assert time.monotonic() < deadline, log
            time.sleep(0.5)

    await_log("begun")
    jobs(stack, f"{job}/stop", body={})
    await_log("closed")


def test_jobs_api_demands_the_token(stack: Stack) -> None:
    api = f"http://127.0.0.1:{stack.ports['8265']}/api/jobs/"
    assert status(api) == 401
    assert status(api, Authorization="Bearer wrong") == 403
    assert jobs(stack)
    token = (stack.folder / "secrets" / "ray_token").read_text().strip()
    assert not any(token in one for name in ("ray-head", "worker") for one in stack.shows(name))


SMALL = {
    "profile": "cpu",
    "dataset.image_size": 32,
    "dataset.shots": 4,
    "trainer.weights": "random",
    "trainer.batch_size": 8,
    "space.backbone": "{choice: [resnet18]}",
    "space.steps": "{choice: [0, 1]}",
    "space.n_a": "{choice: [1, 3]}",
    "episodes": 1,
    "budget.trials": 2,
    "validation.episodes": 0,
}


def test_a_submitted_sweep_runs_on_the_worker_and_ends_in_postgresql(
    stack: Stack, mlflow_uri: str, password: str, tmp_path: Path
) -> None:
    settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    done = subprocess.run(
        [*stack.command("submit"), *settings],
        env=stack.environment("submit"),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 complete, 0 pruned, 0 failed" in done.stdout, done.stdout
    token = (stack.folder / "secrets" / "ray_token").read_text().strip()
    assert token not in done.stdout + done.stderr
    [directory] = (stack.folder / "coft-ad" / "runs" / "semicon").iterdir()
    assert not [path for path in directory.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    query = (
        "SELECT status, count(*) FROM runs JOIN tags USING (run_uuid)"
        " WHERE key = 'coftad.kind' AND value = 'configuration' GROUP BY status"
    )
    with connect(stack, "mlflow", password) as database:
        assert database.execute(query).fetchall() == [("FINISHED", 2)]
    for what in ("--sync", "--doctor"):  # from outside, as whoever looks after the sweep would
        again = subprocess.run(
            [sys.executable, "-m", "tune_runner", what, str(directory), "--tracking-uri", mlflow_uri],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            timeout=100,
            check=False,
        )
        assert again.returncode == 0, again.stdout + again.stderr
