"""Whole sweeps in this process, without Ray: what trials measure is made up, everything else is real."""

import io
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from mlflow import MlflowClient
from rich.console import Console

from tests.tune_runner import planted
from tests.tune_runner.faults import Quick
from tests.tune_runner.tiny import TINY
from tune_runner import cluster, launch, run
from tune_runner.interruption import catch_signals
from tune_runner.reconcile import load_study
from tune_runner.spec import Hardware
from tune_runner.trainable import TRIAL_CONFIG, FinishedEpisode


class Driven:
    """A sweep file, and what became of it."""

    def __init__(self, folder: Path, uri: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.uri = folder, uri
        self.monkeypatch = monkeypatch
        self.events = {}
        self.output = io.StringIO()
        self.halts = []
        monkeypatch.setattr(run, "fit", self.fit)
        monkeypatch.setattr(cluster, "connected", self.connected)

    def on(self, event, action):
        """Have `action` called once at an event of the made-up run: `begun` (a trial runs), `ended` (a trial did),
        `connecting`, `disconnecting`."""
        self.events[event] = action

    def happen(self, event):
        if action := self.events.pop(event, None):
            action()

    def before(self, where, name, action):
        """Have `action` called once before `where.name` is."""
        real = getattr(where, name)
        pending = [action]

        def call(*arguments, **options):
            if pending:
                pending.pop()()
            return real(*arguments, **options)

        self.monkeypatch.setattr(where, name, call)

    @contextmanager
    def connected(self, address, *, insecure):
        self.happen("connecting")
        yield Hardware(cpus=2, gpus=0)
        self.happen("disconnecting")

    def fit(self, prepared, share, searcher, callback, halt, trainable):
        """As Ray Tune does it, one trial after the other."""
        self.halts.append(halt)
        count = 0
        while searcher.more and not halt.stop_all():
            count += 1
            trial_id = f"trial-{count}-of-{id(searcher)}"
            config = searcher.suggest(trial_id)
            if not isinstance(config, dict):
                return
            trial = SimpleNamespace(trial_id=trial_id, config=config, last_result={}, error_file=None)
            callback.on_trial_start(0, [], trial)
            self.happen("begun")
            for index in range(len(prepared.episodes)):
                if halt.stop_all():
                    break
                result = {"finished": made_up(prepared, config, index), "episodes": index + 1, "objective": 0.5}
                callback.on_trial_result(0, [], trial, result)
                trial.last_result = result
            callback.on_trial_complete(0, [], trial)
            self.happen("ended")

    def spend(self, seconds):
        """As if the run had begun that much earlier."""
        self.halts[0]._start -= seconds

    def start(self, *overrides, **changes) -> int:
        """The exit code of `launch.start`."""
        if not (self.folder / "images").exists():
            planted.images(self.folder / "images")
        dataset = {"name": "folder", "root": str(self.folder / "images"), "image_size": 32, "shots": 4, "holdout": 0.5}
        places = {"dataset": dataset, "output": str(self.folder / "runs"), "tracking": {"uri": self.uri}}
        path = self.folder / "sweep.yaml"
        path.write_text(yaml.safe_dump({**TINY, **places, "budget": {"trials": 2}, **changes}))
        console = Console(file=self.output, width=200)
        with catch_signals():  # as the command line does
            return launch.start(path, list(overrides), launch.Where(), console)[0]

    def resume(self, *overrides) -> int:
        with catch_signals():
            console = Console(file=self.output, width=200)
            return launch.resume(self.directory, None, list(overrides), launch.Where(), console)

    @property
    def directory(self) -> Path:
        [directory] = (self.folder / "runs" / "tiny").iterdir()
        return directory

    @property
    def text(self) -> str:
        return self.output.getvalue()

    def states(self) -> list[str]:
        study = load_study(self.directory)
        return [trial.state.name for trial in study.get_trials()] if study else []

    def runs(self) -> dict[str, str]:
        """Of MLflow: name -> status."""
        client = MlflowClient(self.uri)
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return {run.info.run_name: run.info.status for run in client.search_runs(experiments)}

    def check_closed(self) -> None:
        """Nothing runs any more, in the study or in MLflow."""
        assert "RUNNING" not in self.states()
        assert "RUNNING" not in self.runs().values(), self.runs()


def made_up(prepared, config, index) -> FinishedEpisode:
    """One episode as a worker would send it, with scores of noise."""
    worker = SimpleNamespace(
        inputs=SimpleNamespace(episodes=prepared.episodes),
        trial=TRIAL_CONFIG.validate_python(config["trial"]),
        number=config["number"],
        fault=lambda _: None,
    )
    return Quick._run(worker, index)
