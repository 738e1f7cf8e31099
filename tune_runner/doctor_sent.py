"""What was sent to MLflow of a sweep and its trials, worked out again from the directory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tune_runner import child_run
from tune_runner.child_run import Content
from tune_runner.context import Outcome, SweepContext
from tune_runner.directory import SPEC, artifact_folder
from tune_runner.doctor_run import Sent
from tune_runner.journal import RecordingError
from tune_runner.ledger import PARENT
from tune_runner.mlflow_store import common_tags, described_dataset, parent_tags
from tune_runner.records import Records

_DATASET = ("name", "digest", "source_type", "source", "profile")
Entries = Sequence[Mapping[str, Any]]


def of_trial(context: SweepContext, outcome: Outcome, entries: Entries, sweep: str) -> Sent | None:
    """None where its records cannot be read together."""
    shown, unknown = _as_shown(context, outcome.trial, entries)
    records = Records(context.directory)
    try:
        episodes = records.of(outcome.trial)
        content = child_run.content(shown, outcome, episodes)
        content.metrics.extend(child_run.loss_metrics(records, episodes))
    except (RecordingError, ValueError):  # which is said of the records
        return None
    content.tags.update(common_tags(sweep, "configuration"))
    folder = artifact_folder(context.directory, outcome.trial)
    return Sent(content, _dataset(context), unknown, folder if episodes else None)


def of_sweep(context: SweepContext, entries: Entries, destination: str, sweep: str) -> Sent:
    """Of the sweep's own run, with the last of its ends that was sent."""
    shown, unknown = _as_shown(context, PARENT, entries)
    finish: Mapping[str, Any] = {}
    sent: Mapping[str, Any] = {}
    for entry in entries:
        if "finish" in entry:
            finish = entry["finish"]
        elif entry.get("sent") == PARENT and entry.get("to") == destination:
            sent = finish
        elif "forget" in entry and entry.get("to") == destination:
            sent = {}
    summary = sent.get("summary", {})
    words = {name: value for name, value in summary.items() if isinstance(value, str)}
    numbers = [(name, float(value), 0) for name, value in summary.items() if not isinstance(value, str)]
    content = Content(
        name=context.name,
        params={name: str(value) for name, value in shown.common.items()},
        metrics=numbers,
        tags={**parent_tags(shown), **common_tags(sweep, "sweep"), **words},
        started_ms=None,
        ended_ms=None,
    )
    files = [context.directory / Path(file) for file in sent.get("files", ())]
    names = [SPEC] if (context.directory / SPEC).is_file() else []
    return Sent(content, _dataset(context), unknown, None, (*names, *(file.name for file in files if file.exists())))


def _as_shown(context: SweepContext, trial: int, entries: Entries) -> tuple[SweepContext, frozenset[str]]:
    """The context that was in force when a run was sent, and the names whose values are not known: those of all runs,
    where no context was noted before."""
    noted: Mapping[str, Any] | None = None
    then: Mapping[str, Any] | None = None
    for entry in entries:
        if "context" in entry:
            noted = entry["context"]
        elif (
            entry.get("run" if trial == PARENT else "sent") is not None
            and entry.get("trial" if trial == PARENT else "sent") == trial
        ):
            then = noted
    if then is not None:
        return replace(
            context, common=then.get("common", {}), tags=then.get("tags", {}), reproduce=then.get("reproduce", "")
        ), frozenset()
    return context, frozenset({*context.common, *context.tags, "mlflow.note.content"})


def _dataset(context: SweepContext) -> dict[str, str]:
    dataset = described_dataset(context.image_set)
    return {name: getattr(dataset, name) for name in _DATASET}
