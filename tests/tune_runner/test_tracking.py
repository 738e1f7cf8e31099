"""What a real MLflow holds of a sweep's records."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from coftad.metrics import evaluate
from coftad.types import FineTuning
from tests.mlflow_server import until
from tests.tune_runner.tracked import N_AS, POINTS, SHA, record_trial, runs_of, send, sweep
from tune_runner import child_run
from tune_runner.journal import DirectoryInUse
from tune_runner.records import RecordingError, Records, Scores
from tune_runner.tracking import Outcome, SweepContext, SyncReport, Tracker, artifact_folder, sync


@pytest.mark.slow
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
    names = {"checksums.txt", "config.yaml", "gallery.png", "roc.png", "score_histogram.png", "scores.csv"}
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


def test_odd_names_take_no_file_of_a_trial_along(context: SweepContext) -> None:
    """Names that are not UTF-8 (of a zip from Windows), and names that would be a formula in a picture."""
    pool = context.image_set
    odd = [f"bad/d\udce9faut-{row}$\\frac$.png" for row in range(len(pool))]
    named = replace(pool, paths=tuple(odd))
    episodes = {index: replace(episode, pool=named) for index, episode in context.episodes.items()}
    context = replace(context, image_set=named, episodes=episodes)
    context.save()
    context = SweepContext.load(context.directory)
    assert context.image_set.paths == tuple(odd)
    record_trial(context, 0)
    folder = context.directory / "artifacts"
    child_run.draw(context, Records(context.directory), Records(context.directory).of(0), folder)
    names = {"checksums.txt", "config.yaml", "gallery.png", "roc.png", "score_histogram.png", "scores.csv"}
    assert {path.name for path in folder.iterdir()} == names
    support = yaml.safe_load((folder / "config.yaml").read_text())["episodes"][0]["support"]
    assert [image["path"] for image in support] == [odd[row] for row in context.episodes[0].train_rows]
    lines = (folder / "scores.csv").read_bytes().splitlines()
    assert all(b"bad/d\xe9faut-" in line for line in lines[1:])


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
