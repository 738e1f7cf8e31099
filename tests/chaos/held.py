"""What a sweep's study, records and MLflow hold when all is over."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass

from mlflow import MlflowClient
from optuna.trial import TrialState

from tests.chaos.harness import Sweep
from tune_runner.reconcile import load_study
from tune_runner.records import Records
from tune_runner.trial_state import counts

Configuration = tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class Held:
    """scores: per configuration and episode, a digest of every image's score in every row."""

    driver_kills: int
    worker_kills: int
    seconds: int
    percent_of_it_without_mlflow: int
    finished_configurations: int
    of_them_twice: int
    started_and_interrupted: int
    still_running: int
    episodes_recorded_twice: int
    runs_in_mlflow: int
    of_them_twice_or_unfinished: int
    runs_that_differ_from_the_study: int
    failures: tuple[str, ...]
    scores: dict[tuple[Configuration, int], str]

    def problems(self, configurations: int, kills: int, truth: "Held") -> list[str]:
        """What is not as it should be; `truth` is the sweep that was left alone."""
        expected = {
            "driver_kills": kills,
            "finished_configurations": configurations,
            "of_them_twice": 0,
            "still_running": 0,
            "episodes_recorded_twice": 0,
            "runs_in_mlflow": configurations,
            "of_them_twice_or_unfinished": 0,
            "runs_that_differ_from_the_study": 0,
        }
        found = [
            f"{name.replace('_', ' ')}: {getattr(self, name)}, expected {value}"
            for name, value in expected.items()
            if getattr(self, name) != value
        ]
        found += [f"failed: {failure}" for failure in self.failures]
        if self.scores != truth.scores:
            differing = {key for key in self.scores | truth.scores if self.scores.get(key) != truth.scores.get(key)}
            found.append(f"the scores of {len(differing)} episodes are not those of the sweep that was left alone")
        return found


def held(sweep: Sweep) -> Held:
    assert sweep.directory is not None
    study, records = load_study(sweep.directory), Records(sweep.directory)
    assert study is not None
    trials = study.get_trials()
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    params = {trial.number: tuple(sorted(trial.params.items())) for trial in finished}
    lines = (sweep.directory / "records.jsonl").read_text().splitlines()  # `Records` shows a doubled one once
    recorded = Counter((line["trial"], line["episode"]) for line in map(json.loads, lines))
    scores = {
        (params[record.trial], record.episode): hashlib.sha256(records.scores(record).scores.tobytes()).hexdigest()
        for record in records.read()
        if record.trial in params
    }
    client = MlflowClient(sweep.server.uri)
    runs = [
        run
        for experiment in client.search_experiments()
        for run in client.search_runs([experiment.experiment_id])
        if "coftad.trial" in run.data.tags
    ]
    shown = Counter(int(run.data.tags["coftad.trial"]) for run in runs)
    values = {trial.number: trial.user_attrs["search_auroc"] for trial in finished}
    return Held(
        driver_kills=sweep.driver_kills,
        worker_kills=sweep.worker_kills,
        seconds=round(sweep.seconds),
        percent_of_it_without_mlflow=round(100 * sweep.seconds_away / sweep.seconds),
        finished_configurations=len(finished),
        of_them_twice=len(finished) - len(set(params.values())),
        started_and_interrupted=sum(trial.state.is_finished() and not counts(trial) for trial in trials),
        still_running=sum(not trial.state.is_finished() for trial in trials),
        episodes_recorded_twice=sum(count > 1 for count in recorded.values()),
        runs_in_mlflow=len(runs),
        of_them_twice_or_unfinished=sum(
            run.info.status != "FINISHED" or shown[int(run.data.tags["coftad.trial"])] > 1 for run in runs
        ),
        runs_that_differ_from_the_study=sum(
            run.data.metrics.get("auroc") != values.get(int(run.data.tags["coftad.trial"])) for run in runs
        ),
        failures=tuple(
            f"trial {trial.number}: {trial.user_attrs['reason']}: {trial.user_attrs['detail']}"
            for trial in trials
            if trial.state == TrialState.FAIL and counts(trial)
        ),
        scores=scores,
    )
