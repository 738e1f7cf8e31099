"""Where MLflow does not show what the study and the records say, and how it is made to.

Looking changes nothing, not even by creating a database. Mending deletes wrong runs (MLflow keeps deleted runs, and can
restore them), strikes their trials out of the ledger of what was sent, and sends them again as `--sync` would.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from tune_runner.context import Outcome
from tune_runner.disagreement import Disagreement
from tune_runner.doctor_run import Sent, differences
from tune_runner.journal import Journal, RecordingError, intact, is_sealed, sealed, write_whole
from tune_runner.ledger import PARENT
from tune_runner.mlflow_store import prepare_environment
from tune_runner.redact import redact
from tune_runner.tracking import sync

LEDGER = "tracking.jsonl"
STATUS = "sweep_run_status"
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_SEND = "it is sent"
_AGAIN = "the run is deleted, and sent again"


@dataclass(frozen=True)
class Expected:
    """What MLflow should show of one trial. auroc: None where no episode was recorded. sent: all of it; None where its
    records do not fit together."""

    outcome: Outcome
    auroc: float | None
    sent: Sent | None = None


@dataclass(frozen=True)
class Target:
    """Which MLflow, and which of its runs. sweep: its id in the ledger; empty if nothing was ever sent. sent: of the
    sweep's own run."""

    uri: str
    experiment: str
    sweep: str
    sent: Sent | None = None

    @property
    def destination(self) -> str:
        """As the ledger calls it."""
        return f"{redact(self.uri, self.uri)}#{self.experiment}"


def ledger_entries(directory: Path, *, sealed_from_start: bool = False) -> tuple[list[dict[str, Any]], int]:
    """What the ledger holds, and how many of its lines are damaged. sealed_from_start: whether all must have checksums;
    else those after the first that has one must."""
    journal, entries, damaged = Journal(directory / LEDGER), [], 0
    needed = sealed_from_start
    for _, line in journal.lines():
        if needed and not is_sealed(line):
            damaged += 1
            continue
        needed = needed or is_sealed(line)
        try:
            entry = json.loads(line) if intact(line) else None
            entries += [entry] if isinstance(entry, dict) else []
            damaged += not isinstance(entry, dict)
        except ValueError:
            damaged += 1
    return entries, damaged


def check(target: Target, expected: Mapping[int, Expected], entries: Iterable[Mapping[str, Any]]) -> list[Disagreement]:
    """Compare all runs of the sweep. Waits some 10 s at most for a server that does not answer."""
    prepare_environment()
    try:
        runs = _runs(target)
    except Exception as error:  # whatever MLflow does, the rest of the examination stands
        return [_unreachable(target, error)]
    parents = [run for run in runs if run.data.tags.get("coftad.kind") == "sweep"]
    children: dict[int, list[Run]] = {}
    strays = []
    for run in runs:
        if run.data.tags.get("coftad.kind") == "configuration":
            number = run.data.tags.get("coftad.trial", "")
            if number.isdecimal():
                children.setdefault(int(number), []).append(run)
            else:
                strays.append(run)
    client = MlflowClient(tracking_uri=target.uri)
    try:
        return _compared(client, target, expected, list(entries), parents, children, strays)
    except Exception as error:
        return [_unreachable(target, error)]


def _unreachable(target: Target, error: Exception) -> Disagreement:
    """Whatever MLflow does, the rest of the examination stands."""
    reason = redact(f"{type(error).__name__}: {error}".splitlines()[0], target.uri)
    text = f"MLflow at {redact(target.uri, target.uri)} was not compared: {reason}"
    return Disagreement("mlflow_unreachable", text, "try again when it is back", mendable=False)


def _compared(
    client: MlflowClient,
    target: Target,
    expected: Mapping[int, Expected],
    entries: list[Mapping[str, Any]],
    parents: list[Run],
    children: Mapping[int, list[Run]],
    strays: list[Run],
) -> list[Disagreement]:
    found = _of_the_sweep(target, parents, bool(expected or children), entries)
    if parents and target.sent is not None and (said := list(differences(client, parents[0], target.sent))):
        runs = (parents[0], *(run for each in children.values() for run in each))
        found.append(
            Disagreement(
                "sweep_run_changed",
                f"the sweep: {_some(said)}",
                "its run and all under it are deleted, and sent again",
                runs=tuple(run.info.run_id for run in runs),
            )
        )
    for run in strays:
        text = f"MLflow has the configuration {run.info.run_id} without a trial number"
        found.append(Disagreement("run_without_trial", text, "the run is deleted", runs=(run.info.run_id,)))
    parent = parents[0].info.run_id if parents else ""
    for trial in sorted({*expected, *children}):
        found += _of_trial(client, trial, expected.get(trial), children.get(trial, []), parent)
    return found


def mend(
    directory: Path,
    target: Target,
    found: Iterable[Disagreement],
    outcomes: Iterable[Outcome],
    entries: Iterable[Mapping[str, Any]],
    *,
    damaged: bool,
) -> str:
    """Make MLflow show `outcomes`. Returns what is in the way, or nothing. Raises RecordingError, DirectoryInUse.

    entries: of the ledger. damaged: it has lines that cannot be read, and is written anew without them.
    """
    ledger = list(entries)
    found = list(found)
    wanted = list(outcomes)
    try:
        client = MlflowClient(tracking_uri=target.uri)
        for run in (run for each in found for run in each.runs):
            client.delete_run(run)
        if any(each.kind == STATUS for each in found):
            parents = [entry["run"] for entry in ledger if entry.get("trial") == PARENT and "run" in entry]
            client.update_run(parents[-1], status="RUNNING")  # `sync` closes what runs
        again = {each.trial for each in found if each.trial is not None}
        _strike(directory, ledger, again, {outcome.trial for outcome in wanted}, damaged)
        report = sync(directory, tracking_uri=target.uri, outcomes=wanted)
    except RecordingError:
        raise
    except Exception as error:  # as in `check`
        return redact(f"{type(error).__name__}: {error}".splitlines()[0], target.uri)
    return report.problem


def _strike(
    directory: Path, entries: Sequence[Mapping[str, Any]], again: set[int], wanted: set[int], damaged: bool
) -> None:
    """Take out of the ledger what it holds of the trials to send again, and of those that have no outcome."""

    def keep(entry: Mapping[str, Any]) -> bool:
        ended, sent = entry.get("ended"), entry.get("sent", entry.get("trial", PARENT))
        trial = ended.get("trial", PARENT) if isinstance(ended, dict) else sent
        return trial == PARENT or (trial in wanted and trial not in again)

    kept = [entry for entry in entries if keep(entry)]
    if damaged or len(kept) < len(entries):
        unsealed = [{name: value for name, value in entry.items() if name != "sha256"} for entry in kept]
        text = "".join(sealed(json.dumps(entry)) + "\n" for entry in unsealed)
        write_whole(directory / LEDGER, lambda file: file.write(text.encode()))


def _runs(target: Target) -> list[Run]:
    if _missing_database(target) is not None or not target.sweep:
        return []
    client = MlflowClient(tracking_uri=target.uri)
    experiment = client.get_experiment_by_name(target.experiment)
    if experiment is None:
        return []
    runs: list[Run] = []
    token = None
    text = f"tags.`coftad.sweep` = '{target.sweep}'"
    while True:
        page = client.search_runs([experiment.experiment_id], text, ViewType.ACTIVE_ONLY, 1_000, None, token)
        runs += page
        token = page.token
        if not token:
            return runs


def _missing_database(target: Target) -> Path | None:
    """SQLite's file, if there is none or an empty one, in which MLflow would create its tables."""
    scheme, _, path = target.uri.partition(":///")
    file = Path(path.partition("?")[0])
    return file if scheme.startswith("sqlite") and (not file.exists() or not file.stat().st_size) else None


def _of_the_sweep(
    target: Target, parents: list[Run], needed: bool, entries: list[Mapping[str, Any]]
) -> list[Disagreement]:
    if not parents:
        text = "the sweep: MLflow has no run of its own for it"
        if (database := _missing_database(target)) is not None:
            text += f"; its database {database} does not exist (--tracking-uri takes another one)"
        return [Disagreement("sweep_run_missing", text, _SEND)] if needed else []
    found = []
    if len(parents) > 1:
        doubles = tuple(run.info.run_id for run in parents[1:])
        text = f"the sweep: MLflow has {len(parents)} runs of its own for it"
        found.append(Disagreement("sweep_run_doubled", text, f"{', '.join(doubles)} deleted", runs=doubles))
    closed = [entry["closed"] for entry in entries if "closed" in entry and entry.get("to") == target.destination]
    if parents[0].info.status == "RUNNING":
        text = "the sweep: MLflow says RUNNING, but no driver is at work"
        found.append(Disagreement("sweep_run_running", text, "its run is closed"))
    elif closed and parents[0].info.status != closed[-1]:
        text = f"the sweep: MLflow says {parents[0].info.status}, not {closed[-1]}"
        found.append(Disagreement(STATUS, text, "its run is closed as the sweep ended"))
    told = [
        "finish" in entry
        for entry in entries
        if "finish" in entry or (entry.get("sent") == PARENT and entry.get("to") == target.destination)
    ]
    if told and told[-1]:
        found.append(Disagreement("summary_unsent", "the sweep: MLflow does not have its final results", _SEND))
    return found


def _of_trial(
    client: MlflowClient, trial: int, expected: Expected | None, runs: list[Run], parent: str
) -> list[Disagreement]:
    ids = tuple(run.info.run_id for run in runs)
    name = f"trial {trial}"
    if expected is None:
        text = f"{name}: MLflow has a run; the study has no such trial, or not as one that ended"
        return [Disagreement("run_without_trial", text, "the run is deleted", trial, runs=ids)]
    if not runs:
        text = f"{name}: the study says {expected.outcome.state}; MLflow has no run"
        return [Disagreement("run_missing", text, _SEND, trial)]
    right = [run for run in runs if not _wrong(client, run, expected, parent)]
    if len(runs) > 1:
        text = f"{name}: MLflow has {len(runs)} runs"
        if right:
            others = tuple(run for run in ids if run != right[0].info.run_id)
            return [Disagreement("run_doubled", text, f"{', '.join(others)} deleted", None, runs=others)]
        return [Disagreement("run_doubled", text, "they are deleted, and one is sent", trial, runs=ids)]
    if right:
        return []
    kind, says = _wrong(client, runs[0], expected, parent)
    return [Disagreement(kind, f"{name}: {says}", _AGAIN, trial, runs=ids)]


def _wrong(client: MlflowClient, run: Run, expected: Expected, parent: str) -> tuple[str, ...]:
    """Kind and text of what is wrong with a run; empty if nothing is."""
    outcome, status = expected.outcome, run.info.status
    if status == "RUNNING":
        return "run_running", f"the study says {outcome.state}; MLflow says RUNNING"
    if status != _STATUS[outcome.state]:
        return "run_status", f"the study says {outcome.state}; MLflow says {status}, not {_STATUS[outcome.state]}"
    if run.data.tags.get("mlflow.parentRunId") != parent:
        return "run_apart", "MLflow has its run, but not under the run of the sweep"
    shown, recorded = run.data.metrics.get("auroc"), expected.auroc
    if shown is None or recorded is None:
        same = shown is recorded
    else:
        same = math.isclose(shown, recorded, rel_tol=1e-9, abs_tol=1e-12)
    if not same:
        return "run_value", f"the records say AUROC {recorded}; MLflow says {shown}"
    said = [] if expected.sent is None else list(differences(client, run, expected.sent))
    return ("run_changed", _some(said)) if said else ()


def _some(said: list[str]) -> str:
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    return "; ".join(said[:3]) + more
