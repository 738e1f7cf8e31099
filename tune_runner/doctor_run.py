"""One run in MLflow against what was sent of it: name, times, parameters, metrics with their histories, tags, data set
and artifacts. What users added there is theirs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from tune_runner.child_run import FORMAT, FORMAT_TAG, Content


@dataclass(frozen=True)
class Sent:
    """What MLflow should hold of a run. unknown: names of parameters and tags that an earlier version did not note the
    values of. folder: its artifacts, None if they are not known. names: of artifacts that must be there."""

    content: Content
    dataset: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    folder: Path | None = None
    names: Sequence[str] = ()


def differences(client: MlflowClient, run: Run, sent: Sent) -> Iterator[str]:
    """Each as `what: MLflow says one, another was sent`.

    What is missing counts only in a run of this format: an earlier version may not have sent it.
    """
    content = sent.content
    whole = run.data.tags.get(FORMAT_TAG) == FORMAT
    if (run.info.run_name or "") != content.name:
        yield _said("name", run.info.run_name, content.name)
    times = {"start": (run.info.start_time, content.started_ms), "end": (run.info.end_time, content.ended_ms)}
    for what, (at, right_ms) in times.items():
        if right_ms is not None and at != right_ms:
            yield _said(f"{what} time", at, right_ms)
    for kind, actual, expected in (
        ("parameter", run.data.params, content.params),
        ("tag", run.data.tags, content.tags),
    ):
        for name, right in expected.items():
            if name not in sent.unknown and actual.get(name) != right and (whole or name in actual):
                yield _said(f"{kind} {name}", actual.get(name), right)
    yield from _metrics(client, run, content, whole)
    yield from _dataset(run, sent, whole)
    yield from _artifacts(client, run, sent)


def _metrics(client: MlflowClient, run: Run, content: Content, whole: bool) -> Iterator[str]:
    expected: dict[str, dict[int, float]] = {}
    for name, value, step in content.metrics:
        expected.setdefault(name, {})[step] = value
    for name, points in expected.items():
        if name not in run.data.metrics:
            if whole:
                yield _said(f"metric {name}", None, points)
            continue
        last = points[max(points)]
        if not _close(run.data.metrics[name], last):
            yield _said(f"metric {name}", run.data.metrics[name], last)
            continue
        there = {(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)}
        steps = {step for step, _ in there}
        for step, value in sorted(there):
            if step not in points or not _close(value, points[step]):
                yield _said(f"metric {name} at {step}", value, points.get(step))
        for step in sorted(points.keys() - steps):
            yield _said(f"metric {name} at {step}", None, points[step])


def _dataset(run: Run, sent: Sent, whole: bool) -> Iterator[str]:
    if not sent.dataset:
        return
    shown = [each.dataset for each in run.inputs.dataset_inputs] if run.inputs else []
    if not shown and whole:
        yield _said("data set", None, sent.dataset["name"])
    for dataset in shown:
        for what, right in sent.dataset.items():
            if getattr(dataset, what) != right:
                yield _said(f"data set's {what}", getattr(dataset, what), right)


def _artifacts(client: MlflowClient, run: Run, sent: Sent) -> Iterator[str]:
    expected: dict[str, int | None] = dict.fromkeys(sent.names)
    if sent.folder is not None and sent.folder.is_dir():
        expected |= {file.name: file.stat().st_size for file in sent.folder.iterdir() if file.is_file()}
    if not expected:
        return
    try:
        there = {file.path: file.file_size for file in client.list_artifacts(run.info.run_id)}
    except Exception as error:  # of whatever store they are in
        yield f"its artifacts cannot be listed: {type(error).__name__}"
        return
    for name, size in expected.items():
        if name not in there:
            yield f"artifact {name}: MLflow has none"
        elif size is not None and there[name] is not None and there[name] != size:
            yield _said(f"size of artifact {name}", there[name], size)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _said(what: str, there: object, right: object) -> str:
    return f"{what}: MLflow says {_short(there)}; {_short(right)} was sent"


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
