"""Sweeps to come apart, and what the doctor says of them."""

import io
import json
from pathlib import Path

from mlflow import MlflowClient
from optuna.trial import TrialState
from rich.console import Console

from tune_runner.doctor import diagnose, doctor
from tune_runner.journal import sealed
from tune_runner.reconcile import load_study
from tune_runner.trial_state import counts


class Shown:
    def __init__(self, directory: Path, uri: str) -> None:
        self.directory, self.uri = directory, uri

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    def runs(self) -> list:
        experiment = self.client.get_experiment_by_name("tiny")
        return [] if experiment is None else self.client.search_runs([experiment.experiment_id])

    def run(self, trial: int):
        [run] = [run for run in self.runs() if run.data.tags.get("coftad.trial") == str(trial)]
        return run

    def parent(self):
        [run] = [run for run in self.runs() if run.data.tags["coftad.kind"] == "sweep"]
        return run


def run_doctor(directory, **options) -> tuple[int, str]:
    text = io.StringIO()
    code = doctor(directory, Console(file=text, width=200), **{"fix": False, **options})
    return code, text.getvalue()


def kinds(directory, **options) -> list[str]:
    return sorted(each.kind for each in diagnose(directory, **options))


def contents(directory) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def named_and_mended(directory, *expected: str) -> str:
    """Looking names exactly these and changes nothing; mending leaves nothing. What was printed."""
    before = contents(directory)
    assert kinds(directory) == sorted(expected)
    code, output = run_doctor(directory)
    assert (code, contents(directory)) == (1, before), "looking changed something"
    code, mended = run_doctor(directory, fix=True)
    assert code == 0, mended
    assert diagnose(directory) == []
    assert run_doctor(directory) == (0, "study, records and MLflow agree\n")
    return output


def trials(directory):
    return load_study(directory).get_trials()


def lines(directory) -> list[dict]:
    """Without their checksums."""
    return [unsealed(text) for text in (directory / "records.jsonl").read_text().splitlines()]


def unsealed(text: str) -> dict:
    return {name: value for name, value in json.loads(text).items() if name != "sha256"}


def write_lines(directory, entries) -> None:
    (directory / "records.jsonl").write_text("".join(line(entry) + "\n" for entry in entries))


def line(entry: dict) -> str:
    """As it is written, with the checksum that it then has."""
    return sealed(json.dumps({name: value for name, value in entry.items() if name != "sha256"}))


def scores(directory, trial, episode=0) -> Path:
    return directory / f"scores/trial-{trial:04d}-episode-{episode:03d}.npz"


def is_queued_again(directory, number) -> None:
    """`number` counts no more, and the last trial of the study waits with its configuration."""
    *_, last = trials(directory)
    assert not counts(trials(directory)[number])
    assert last.state == TrialState.WAITING
    assert last.user_attrs["retry_of"] == number
    assert last.system_attrs["fixed_params"] == trials(directory)[number].params
