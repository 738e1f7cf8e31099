"""Records reach a real MLflow exactly once, whatever happened to it or to the process that sent them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.mlflow_server import Server, until
from tests.tune_runner.tracked import record_trial, runs_of, send, sweep
from tune_runner import child_run
from tune_runner.mlflow_store import Store
from tune_runner.records import EpisodeRecord
from tune_runner.tracking import Outcome, SweepContext, SyncReport, Tracker, artifact_folder, sync

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("moment", ["parent", "child", "fill", "_log", "_log_dataset", "end"])
@pytest.mark.parametrize("done", [False, True])
def test_a_call_that_fails_is_repeated_without_a_second_run(
    context: SweepContext, uri: str, monkeypatch: pytest.MonkeyPatch, moment: str, done: bool
) -> None:
    """done: the server did what was asked, and only its answer was lost."""
    for trial in range(2):
        record_trial(context, trial)
    real = getattr(Store, moment)
    failures = []

    def flaky(self: Store, *args: object, **options: object) -> object:
        if len(failures) < 2:
            if done:
                real(self, *args, **options)
            failures.append(moment)
            raise ConnectionError("reset by peer")
        return real(self, *args, **options)

    monkeypatch.setattr(Store, moment, flaky)
    tracker = Tracker(context, first_retry=0.01)
    for trial in range(2):
        tracker.ended(Outcome(trial=trial, state="complete"))
    until(lambda: tracker.unsent == 0)
    assert tracker.close(60) == 0
    assert len(failures) == 2
    assert [(run.info.run_name, run.info.status) for run in runs_of(uri)] == [
        ("trial-0000", "FINISHED"),
        ("trial-0001", "FINISHED"),
    ]
    assert [run.info.status for run in runs_of(uri, "sweep")] == ["KILLED"]
    history = MlflowClient(uri).get_metric_history(runs_of(uri)[0].info.run_id, "loss/con")
    assert len(history) == 20, "a metric that was sent twice is there once"


def test_a_run_that_arrives_after_it_was_looked_for_is_removed(
    context: SweepContext, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_trial(context, 0)
    real, late = Store.child, []

    def slow(self: Store, parent: str, content: child_run.Content) -> str:
        if not late:
            late.append(lambda: real(self, parent, content))
            raise ConnectionError("timed out")
        run_id = real(self, parent, content)
        if len(late) == 1:
            late.append(late[0]())
        return run_id

    monkeypatch.setattr(Store, "child", slow)
    tracker = Tracker(context, first_retry=0.01)
    tracker.ended(Outcome(trial=0, state="complete"))
    until(lambda: tracker.unsent == 0)
    assert len(runs_of(uri)) == 2
    assert tracker.close(60) == 0
    assert [run.info.status for run in runs_of(uri)] == ["FINISHED"]


def test_what_mlflow_refuses_does_not_stop_the_rest(
    context: SweepContext, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trial in range(3):
        record_trial(context, trial)
    real = child_run.content

    def odd(context: SweepContext, outcome: Outcome, episodes: list[EpisodeRecord]) -> child_run.Content:
        content = real(context, outcome, episodes)
        if outcome.trial == 0:
            content.params["a name * that MLflow refuses"] = "1"
        return content

    monkeypatch.setattr(child_run, "content", odd)
    (context.directory / "scores/trial-0001-episode-000.npz").write_bytes(b"damaged")
    tracker = Tracker(context)
    for trial in range(3):
        tracker.ended(Outcome(trial=trial, state="complete"))
    assert tracker.close(60) == 2
    assert "trial 0: MlflowException" in tracker.problem
    assert "trial 1: RecordingError" in tracker.problem
    assert [(run.info.run_name, run.info.status) for run in runs_of(uri)] == [
        ("trial-0000", "FAILED"),
        ("trial-0002", "FINISHED"),
    ]
    monkeypatch.undo()
    assert sync(context.directory).sent == 1


@pytest.mark.slow
def test_a_new_database_is_filled_again(context: SweepContext, uri: str, tmp_path: Path, empty_database: bytes) -> None:
    record_trial(context, 0)
    send(context, Outcome(trial=0, state="complete"))
    other = tmp_path / "other.db"
    other.write_bytes(empty_database)
    assert sync(context.directory, tracking_uri=f"sqlite:///{other}").sent == 1
    assert sync(context.directory, tracking_uri=f"sqlite:///{other}").sent == 0
    (tmp_path / "mlflow.db").rename(tmp_path / "lost.db")
    script = "import sys, pathlib, tune_runner.tracking as t; print(t.sync(pathlib.Path(sys.argv[1])).sent, end='')"
    command = [sys.executable, "-c", script, str(context.directory)]  # this process keeps the lost file open
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"1"
    assert len(runs_of(f"sqlite:///{tmp_path}/./mlflow.db")) == len(runs_of(f"sqlite:///{other}")) == 1


@pytest.fixture
def server(tmp_path: Path, empty_database: bytes) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_database)
    server = Server(folder)
    yield server
    server.stop()


@pytest.mark.slow
def test_an_outage_at_the_start_in_the_middle_and_at_the_end(server: Server, tmp_path: Path) -> None:
    context = sweep(tmp_path / "sweep", server.uri)
    for trial in range(9):
        record_trial(context, trial)

    def end(*trials: int) -> None:
        for trial in trials:
            began = time.monotonic()
            tracker.ended(Outcome(trial=trial, state="complete"))
            assert time.monotonic() - began < 1

    tracker = Tracker(context, longest_retry=1.0)
    end(0, 1)
    until(lambda: tracker.problem)
    until(lambda: artifact_folder(context.directory, 1).is_dir())  # pictures do not wait for MLflow
    server.start()
    until(lambda: tracker.unsent == 0)
    end(2, 3)
    until(lambda: tracker.unsent == 0)
    server.stop()
    end(4, 5)
    until(lambda: tracker.problem)
    assert tracker.unsent == 2
    server.start()
    end(6)
    until(lambda: tracker.unsent == 0)
    assert tracker.problem == ""
    server.stop()
    end(7, 8)
    tracker.finish({"test_auroc": 0.5})
    began = time.monotonic()
    assert tracker.close(20) == 2
    assert time.monotonic() - began < 10, "a server that is away is tried, not waited for"
    server.start()
    assert sync(context.directory) == SyncReport(sent=2, unsent=0, problem="")
    assert sync(context.directory) == SyncReport(sent=0, unsent=0, problem="")
    assert [run.info.run_name for run in runs_of(server.uri)] == [f"trial-{trial:04d}" for trial in range(9)]
    assert {run.info.status for run in runs_of(server.uri)} == {"FINISHED"}
    (parent,) = runs_of(server.uri, "sweep")
    assert (parent.info.status, parent.data.metrics["test_auroc"]) == ("FINISHED", 0.5)
    client = MlflowClient(server.uri)
    for run in runs_of(server.uri):
        assert len(client.list_artifacts(run.info.run_id)) == 6
        assert len(client.get_metric_history(run.info.run_id, "loss/all")) == 20


@pytest.mark.slow
def test_a_server_that_hangs_blocks_nobody(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped by SIGSTOP: it accepts connections and never answers. One request's limit is set to 2 s, from 10."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    context = sweep(tmp_path / "sweep", server.uri)
    for trial in range(4):
        record_trial(context, trial)
    server.start()
    tracker = Tracker(context, longest_retry=1.0)
    tracker.ended(Outcome(trial=0, state="complete"))
    until(lambda: tracker.unsent == 0)
    server.signal(signal.SIGSTOP)
    began = time.monotonic()
    for trial in range(1, 4):
        tracker.ended(Outcome(trial=trial, state="complete"))
    assert tracker.unsent == 3
    assert time.monotonic() - began < 1
    until(lambda: tracker.problem)
    server.signal(signal.SIGCONT)
    until(lambda: tracker.unsent == 0)
    assert tracker.close(30) == 0
    assert [(run.info.run_name, run.info.status) for run in runs_of(server.uri)] == [
        (f"trial-{trial:04d}", "FINISHED") for trial in range(4)
    ]
    assert len(runs_of(server.uri, "sweep")) == 1


@pytest.mark.slow
def test_a_driver_killed_while_it_sends_is_made_up_for(context: SweepContext, uri: str) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.tune_runner.tracked import Outcome, Tracker, record_trial, sweep\n"
        "context = sweep(Path(sys.argv[1]), sys.argv[2])\n"
        "tracker = Tracker(context)\n"
        "for trial in range(8):\n"
        "    record_trial(context, trial)\n"
        "    tracker.ended(Outcome(trial=trial, state='complete'))\n"
        "tracker.close(60)\n"
    )
    command = [sys.executable, "-c", script, str(context.directory), uri]
    ledger = context.directory / "tracking.jsonl"

    def created() -> int:
        return sum("trial" in json.loads(line) for line in ledger.read_text().splitlines()) if ledger.exists() else 0

    for count in (1, 3, 5):  # the sweep's run is one of them; each time another call is under way
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                until(lambda wanted=count: created() > wanted, 120)
            finally:
                process.kill()
    sent = [json.loads(line)["sent"] for line in ledger.read_text().splitlines() if "sent" in line]
    assert 1 <= len(sent) < 8
    assert sync(context.directory).unsent == 0
    assert [(run.info.run_name, run.info.status) for run in runs_of(uri)] == [
        (f"trial-{trial:04d}", "FINISHED") for trial in range(8)
    ]
    assert [run.info.status for run in runs_of(uri, "sweep")] == ["KILLED"]
    for run in runs_of(uri):
        assert len(MlflowClient(uri).get_metric_history(run.info.run_id, "loss/con")) == 20
