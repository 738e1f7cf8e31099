"""Records reach a real MLflow exactly once, whatever happened to it or to the process that sent them."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from coftad.metrics import evaluate
from coftad.types import Episode, FineTuning, ImageSet, InputError, Scoring
from tests.mlflow_server import Server, until
from tune_runner import child_run
from tune_runner.context import git_tags
from tune_runner.ledger import DirectoryInUse
from tune_runner.mlflow_store import Store
from tune_runner.records import EpisodeRecord, RecordingError, Records, RowRecord, Scores
from tune_runner.redact import has_credentials, redact
from tune_runner.tracking import Outcome, SweepContext, SyncReport, Tracker, artifact_folder, sync

POINTS, N_AS = (0, 10, 20), (1, 5)
SHA = "0123456789abcdef" * 4


def sweep(directory: Path, tracking_uri: str) -> SweepContext:
    """48 random images of 12 x 12; 3 episodes of 4 shots, 22 images to search and 22 to test with."""
    generator = np.random.default_rng(0)
    pool = ImageSet(
        name="noise",
        images=np.repeat(generator.integers(0, 255, (48, 1, 12, 12), dtype=np.uint8), 3, axis=1),
        labels=(np.arange(48) % 3 == 0).astype(np.int8),
        paths=tuple(f"{'bad' if row % 3 == 0 else 'good'}/{row:02d}.png" for row in range(48)),
        digest=SHA,
        provenance={"source": "drawn for a test"},
    )
    episodes = {}
    for index in range(3):
        rows = generator.permutation(48)
        rows = np.r_[rows[pool.labels[rows] == 0], rows[pool.labels[rows] == 1]]
        train, rest = rows[:4], generator.permutation(rows[4:])
        episodes[index] = Episode(pool, index, 100 + index, train, rest[:22], rest[22:])
    return SweepContext(
        name="noise-sweep",
        directory=directory,
        tracking_uri=tracking_uri,
        experiment="tests",
        image_set=pool,
        episodes=episodes,
        common={"seed": 7, "image_size": 12, "shots": 4},
        tags={"weights": "auto: random", **git_tags()},
        reproduce="tune-runner reproduce DIR --trial {trial}",
    )


def record_trial(context: SweepContext, trial: int, episodes: tuple[int, ...] = (0, 1, 2)) -> None:
    records = Records(context.directory)
    for index in episodes:
        generator = np.random.default_rng((trial, index))
        image_rows = context.episodes[index].scored_rows
        labels = context.image_set.labels[image_rows]
        scores = generator.normal(0, 1, (6, len(image_rows))) + labels * np.arange(6)[:, None] / 4
        searched = np.isin(image_rows, context.rows(index, "search"))
        keys = [(steps, Scoring(n_a=n_a)) for steps in POINTS for n_a in N_AS]
        rows = tuple(
            RowRecord(steps=steps, scoring=scoring, search=evaluate(labels[searched], line[searched]))
            for (steps, scoring), line in zip(keys, scores, strict=True)
        )
        record = EpisodeRecord(
            trial=trial,
            ray_trial=f"ray_{trial}",
            episode=index,
            seed=100 + index,
            training=FineTuning(lambda_pp=0.25 + trial),
            rows=rows,
            seconds={"train": 2.0, "score": 1.0},
            finished_at=1.7e9 + 10 * trial + 3 * index,
            host="machine",
            threads=1,
        )
        losses = {name: np.linspace(1, index, 20) for name in ("con", "all")}
        records.append(record, Scores(scores=scores, image_rows=image_rows, losses=losses))


def runs_of(uri: str, kind: str = "configuration") -> list[Run]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("tests")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.`coftad.kind` = '{kind}'", max_results=5000)
    return sorted(found, key=lambda run: run.info.run_name)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with MLflow's tables, made once: it takes 4 s."""
    folder = tmp_path_factory.mktemp("empty")
    MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
    return (folder / "mlflow.db").read_bytes()


@pytest.fixture
def uri(tmp_path: Path, empty_database: bytes) -> str:
    (tmp_path / "mlflow.db").write_bytes(empty_database)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def context(tmp_path: Path, uri: str) -> SweepContext:
    return sweep(tmp_path / "sweep", uri)


def send(context: SweepContext, *outcomes: Outcome) -> None:
    tracker = Tracker(context)
    for outcome in outcomes:
        tracker.ended(outcome)
    assert tracker.close(60) == 0, tracker.problem


def test_a_fresh_database_and_its_experiment_are_created(tmp_path: Path) -> None:
    context = sweep(tmp_path / "sweep", f"sqlite:///{tmp_path}/new/../mlflow.db")
    (tmp_path / "new").mkdir()
    record_trial(context, 0)
    send(context, Outcome(trial=0, state="complete"))
    assert len(runs_of(context.tracking_uri)) == 1
    experiment = MlflowClient(context.tracking_uri).get_experiment_by_name("tests")
    assert experiment is not None
    assert experiment.tags["mlflow.experiment.primaryMetric.name"] == "auroc"
    assert experiment.artifact_location.startswith(tmp_path.as_uri())
    (view,) = [json.loads(text) for name, text in experiment.tags.items() if name.startswith("mlflow.sharedViewState.")]
    shown = MlflowClient(context.tracking_uri).search_runs([experiment.experiment_id], view["searchFilter"])
    assert [run.info.run_name for run in shown] == ["trial-0000"]
    assert "params.`n_a`" in view["selectedColumns"]


def test_a_run_says_all_that_the_records_know(context: SweepContext, uri: str) -> None:
    record_trial(context, 3)
    send(context, Outcome(trial=3, state="complete"))
    (run,) = runs_of(uri)
    (parent,) = runs_of(uri, "sweep")
    records = Records(context.directory)
    episodes = records.of(3)
    by_row = np.array([[row.search.auroc for row in record.rows] for record in episodes])  # (episodes, rows)
    best = int(by_row.mean(axis=0).argmax())
    row = episodes[0].rows[best]

    assert run.info.run_name == "trial-0003"
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 9_000  # 3 s an episode, one after another
    params, metrics, tags = run.data.params, run.data.metrics, run.data.tags
    assert params["lambda_pp"] == "3.25"
    assert (params["seed"], params["image_size"], params["shots"]) == ("7", "12", "4")
    assert (params["steps"], params["n_a"]) == (str(row.steps), str(row.scoring.n_a))
    assert "lambda_np" not in params, "there is no negative view that it could weigh"
    assert metrics["auroc"] == pytest.approx(by_row[:, best].mean())
    assert metrics["auroc_std"] == pytest.approx(by_row[:, best].std(ddof=1))
    assert metrics["auroc_n"] == 3
    assert metrics["seconds/total"] == 9
    assert metrics["seconds/train"] == 6
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert tags["weights"] == "auto: random"
    assert (tags["coftad.ray_trial"], tags["coftad.host"]) == ("ray_3", "machine")
    assert tags["coftad.dataset_digest"] == SHA
    assert "tune-runner reproduce DIR --trial 3" in tags["mlflow.note.content"]
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("noise", SHA[:36])
    assert dataset.tags[0].value == "search"

    client = MlflowClient(uri)

    def curve(name: str) -> list[tuple[int, float]]:
        return sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))

    means = {
        (row.steps, row.scoring.n_a): mean for row, mean in zip(episodes[0].rows, by_row.mean(axis=0), strict=True)
    }
    assert curve("auroc_over/steps") == [(steps, pytest.approx(means[steps, row.scoring.n_a])) for steps in POINTS]
    assert curve("auroc_over/n_a") == [(n_a, pytest.approx(means[row.steps, n_a])) for n_a in N_AS]
    assert curve("auroc_over/episode") == [(index, pytest.approx(by_row[index, best])) for index in range(3)]
    losses = curve("loss/con")
    assert [step for step, _ in losses] == list(range(1, 21))
    assert [losses[0][1], losses[-1][1]] == pytest.approx([1.0, 1.0])  # the mean of the last is that of 0, 1, 2

    assert parent.info.status == "KILLED", "nobody said that the sweep had finished"
    assert parent.data.params["shots"] == "4"


def test_a_configurations_files_show_search_images_only(context: SweepContext, uri: str) -> None:
    record_trial(context, 0)
    send(context, Outcome(trial=0, state="complete"))
    (run,) = runs_of(uri)
    client = MlflowClient(uri)
    names = {"config.yaml", "gallery.png", "roc.png", "score_histogram.png", "scores.csv"}
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == names
    folder = artifact_folder(context.directory, 0)
    assert {path.name for path in folder.iterdir()} == names
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert FineTuning(**config["training"]) == FineTuning(lambda_pp=0.25)
    assert config["points"] == list(POINTS)
    with (folder / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    searched = {(str(i), context.image_set.paths[row]) for i in range(3) for row in context.rows(i, "search")}
    assert {(line["episode"], line["path"]) for line in lines} == searched
    assert len(lines) == 66
    assert all((line["label"] == "1") == line["path"].startswith("bad/") for line in lines)
    metric = {index: [line for line in lines if line["episode"] == str(index)] for index in range(3)}
    aurocs = [evaluate(np.array([int(x["label"]) for x in m]), np.array([float(x["score"]) for x in m])).auroc
              for m in metric.values()]  # fmt: skip
    assert np.mean(aurocs) == pytest.approx(run.data.metrics["auroc"]), "the scores shown are those behind the metric"


def test_test_images_are_shown_where_asked_for(context: SweepContext) -> None:
    record_trial(context, 0)
    records = Records(context.directory)
    episodes = records.of(0)
    child_run.draw(context, records, episodes, context.directory / "report", split="test")
    runs = child_run.scored(context, records, episodes, child_run.best_row(episodes), "test")
    assert {index: set(run.rows) for index, run in enumerate(runs)} == {
        index: set(context.rows(index, "test")) for index in range(3)
    }
    assert yaml.safe_load((context.directory / "report/config.yaml").read_text())["shown"] == "test"


def test_failed_and_pruned_configurations_say_so(context: SweepContext, uri: str) -> None:
    record_trial(context, 1, episodes=(0,))
    send(
        context,
        Outcome(trial=0, state="failed", reason="OutOfMemory", message="no room", training=FineTuning(beta=0.5)),
        Outcome(trial=1, state="pruned"),
    )
    failed, pruned = runs_of(uri)
    assert (failed.info.status, failed.data.tags["coftad.reason"]) == ("FAILED", "OutOfMemory")
    assert failed.data.params["beta"] == "0.5"
    assert failed.data.metrics == {}
    assert pruned.info.status == "KILLED"
    assert pruned.data.metrics["auroc_n"] == 1
    assert "auroc_std" not in pruned.data.metrics


def test_more_losses_than_a_batch_holds_are_thinned_and_chunked(context: SweepContext, uri: str) -> None:
    record_trial(context, 0, episodes=(0,))
    (record,) = Records(context.directory).of(0)
    records = Records(context.directory)
    scores = records.scores(record)
    long = {name: np.linspace(0, 1, 30_000) for name in ("con", "pp", "np", "all")}
    longer = record.model_copy(update={"trial": 1})
    records.append(longer, Scores(scores=scores.scores, image_rows=scores.image_rows, losses=long))
    send(context, Outcome(trial=1, state="complete"))
    (run,) = runs_of(uri)
    history = MlflowClient(uri).get_metric_history(run.info.run_id, "loss/np")
    assert len(history) == 500
    assert max(point.step for point in history) == 30_000


def test_finishing_fills_and_ends_the_sweeps_run(context: SweepContext, uri: str, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("<p>report</p>")
    (context.directory).mkdir()
    (context.directory / "sweep.yaml").write_text("name: noise\n")
    tracker = Tracker(context)
    tracker.finish({"test_auroc": 0.875, "best_trial": "trial-0003"}, [report])
    assert tracker.close(60) == 0
    (parent,) = runs_of(uri, "sweep")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["test_auroc"] == 0.875
    assert parent.data.tags["best_trial"] == "trial-0003"
    files = {file.path for file in MlflowClient(uri).list_artifacts(parent.info.run_id)}
    assert files == {"sweep.yaml", "report.html"}


def test_a_resumed_sweep_goes_on_in_the_same_runs(context: SweepContext, uri: str) -> None:
    for trial in range(3):
        record_trial(context, trial)
    send(context, Outcome(trial=0, state="complete"))
    resumed = Tracker(context)
    assert not resumed.ended(Outcome(trial=0, state="failed")), "the first outcome is final"
    assert resumed.ended(Outcome(trial=1, state="complete"))
    until(lambda: resumed.unsent == 0)
    assert [run.info.status for run in runs_of(uri, "sweep")] == ["RUNNING"]
    resumed.finish({}, status="FAILED")
    assert resumed.close(60) == 0
    assert [run.info.status for run in runs_of(uri, "sweep")] == ["FAILED"]
    assert [run.info.run_name for run in runs_of(uri)] == ["trial-0000", "trial-0001"]
    report = sync(context.directory, outcomes=[Outcome(trial=2, state="complete"), Outcome(trial=1, state="pruned")])
    assert report == SyncReport(sent=1, unsent=0, problem="")
    assert [run.info.status for run in runs_of(uri)] == ["FINISHED"] * 3
    assert [run.info.status for run in runs_of(uri, "sweep")] == ["FAILED"]
    assert sync(context.directory).sent == 0


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


def test_one_process_sends_a_directory(context: SweepContext) -> None:
    tracker = Tracker(context)
    try:
        with pytest.raises(DirectoryInUse, match="sweep"):
            Tracker(context)
    finally:
        tracker.close(60)
    send(context)


def test_the_sweep_survives_in_its_directory(context: SweepContext) -> None:
    context.save()
    loaded = SweepContext.load(context.directory)
    assert np.array_equal(loaded.image_set.images, context.image_set.images)
    assert loaded.image_set.paths == context.image_set.paths
    assert loaded.image_set.digest == context.image_set.digest
    assert loaded.common == context.common
    for index, episode in context.episodes.items():
        assert loaded.episodes[index].seed == episode.seed
        assert np.array_equal(loaded.episodes[index].train_rows, episode.train_rows)
        assert np.array_equal(loaded.episodes[index].test_rows, episode.test_rows)


def test_a_damaged_description_is_named(context: SweepContext) -> None:
    context.save()
    (context.directory / "context.json").write_text('{"name": "noise", "tracking_uri": "sqlite://"}')
    with pytest.raises(RecordingError, match=r"context\.json: damaged"):
        SweepContext.load(context.directory)
    (context.directory / "context.json").unlink()
    with pytest.raises(RecordingError, match="No such file"):
        SweepContext.load(context.directory)


def test_credentials_stay_out_of_every_file_and_message(tmp_path: Path) -> None:
    secret = "http://me:hun/ter%402@127.0.0.1:9/?token=t0k3n"
    context = sweep(tmp_path, secret)
    tracker = Tracker(context, first_retry=0.01)
    until(lambda: tracker.problem)
    assert tracker.close(10) == 0
    texts = [tracker.problem, repr(context), context.destination]
    texts += [path.read_text() for path in tmp_path.glob("*.json*")]
    assert len(texts) >= 5
    for text in texts:
        assert not any(word in text for word in ("hun/ter", "hun", "ter@2", "t0k3n")), text
    with pytest.raises(InputError, match="credentials"):
        SweepContext.load(tmp_path)
    assert SweepContext.load(tmp_path, secret).tracking_uri == secret


def test_redaction_leaves_the_rest() -> None:
    text = "cannot reach postgresql://coftad:pw@db:5432/mlflow?password=x&sslmode=off"
    assert redact(text) == "cannot reach postgresql://***@db:5432/mlflow?password=***&sslmode=off"
    assert redact("sqlite:////tmp/mlflow.db") == "sqlite:////tmp/mlflow.db"
    assert not has_credentials("http://localhost:5000")


# ---------------------------------------------------------------------- a real server


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
        assert len(client.list_artifacts(run.info.run_id)) == 5
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
        "import sys, importlib.util\n"
        "from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('helpers', {__file__!r})\n"
        "helpers = importlib.util.module_from_spec(spec); spec.loader.exec_module(helpers)\n"
        "context = helpers.sweep(Path(sys.argv[1]), sys.argv[2])\n"
        "tracker = helpers.Tracker(context)\n"
        "for trial in range(8):\n"
        "    helpers.record_trial(context, trial)\n"
        "    tracker.ended(helpers.Outcome(trial=trial, state='complete'))\n"
        "tracker.close(60)\n"
    )
    command = [sys.executable, "-c", script, str(context.directory), uri]
    ledger = context.directory / "tracking.jsonl"

    def created() -> int:
        return sum("trial" in json.loads(line) for line in ledger.read_text().splitlines()) if ledger.exists() else 0

    for count in (1, 3, 5):  # the sweep's run is one of them; each time another call is under way
        with subprocess.Popen(command) as process:
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
