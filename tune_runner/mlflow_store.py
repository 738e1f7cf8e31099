"""The calls to MLflow, each of which may fail, and each of which may be repeated without leaving a second copy."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LifecycleStage, Metric, Param, ViewType
from mlflow.exceptions import MlflowException

from coftad.types import ImageSet
from tune_runner.child_run import FORMAT, FORMAT_TAG, Content
from tune_runner.context import Split, SweepContext
from tune_runner.sqlite import sqlite_path

_BATCH = 1_000  # metrics, parameters and tags together that one log_batch may hold
_BATCH_PARAMS = 100
_LONGEST_DIGEST = 36  # characters of a data set's digest that MLflow stores
_PERMANENT = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"}
_VIEW = "mlflow.sharedViewState."
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}

_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a repeated create_run is a second run; we look first, then repeat
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds; 120 by default
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # these two would write into the live table
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def prepare_environment() -> None:
    """Client settings, where the user has not set them, before the first call.

    MLflow reads them from the process's environment at each call, and the tracker's thread calls until the process
    ends: so these four, and the level of two loggers, stay as they are set here.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a fresh database logs a hundred migrations


def page(experiment_id: str, sweep_id: str) -> str:
    """The page with a sweep's configurations, to append to the server's address."""
    kind = "workflowType=machine_learning"  # else it opens in MLflow's GenAI view
    return f"/#/experiments/{experiment_id}/runs?{kind}&viewStateShareKey={quote(sweep_id)}"


def is_permanent(error: Exception) -> bool:
    """Whether MLflow answered that this very content will never do, as against being away."""
    return isinstance(error, MlflowException) and error.error_code in _PERMANENT


class Store:
    """One experiment of one MLflow, seen by one sweep."""

    def __init__(self, context: SweepContext, sweep_id: str) -> None:
        """Connects; creates a fresh database's tables and the experiment where there is none."""
        self._context = context
        self._sweep_id = sweep_id
        self._client = MlflowClient(tracking_uri=context.tracking_uri)
        self.experiment_id = self._experiment()

    def parent(self, run_id: str | None, *, look: bool, reopen: bool) -> tuple[str, bool]:
        """The sweep's run, and whether it is running. run_id: as noted earlier. look: whether there may be one that
        was not noted. reopen: whether a sweep goes on in it. Raises LookupError if the noted run is gone."""
        if run_id is None:
            found = next(self._search("sweep"), None) if look else None
            run_id = self._new_parent() if found is None else found.info.run_id
            params = [Param(name, str(value)) for name, value in self._context.common.items()]
            self._client.log_batch(run_id, params=params[:_BATCH_PARAMS])
            self._log_dataset(run_id, "search and test")
            self._client.set_experiment_tag(self.experiment_id, f"{_VIEW}{self._sweep_id}", self._view())
            specification = self._context.directory / "sweep.yaml"
            if specification.is_file():
                self._client.log_artifact(run_id, str(specification))
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise LookupError(run_id) from error
        if run.info.lifecycle_stage == LifecycleStage.DELETED:
            raise LookupError(run_id)
        running = run.info.status == "RUNNING"
        if reopen and not running:
            self._client.update_run(run_id, status="RUNNING")
        return run_id, running or reopen

    def _view(self) -> str:
        """A shared view of MLflow's run table: this sweep's configurations, best first, with the columns that matter.

        The filter leaves the sweep's own run out, under which the configurations would be folded.
        """
        metrics = ("auroc", "auroc_std", "average_precision")
        columns = [f"metrics.`{name}`" for name in metrics] + [f"params.`{name}`" for name in self._context.varied]
        view = {
            "searchFilter": f"tags.`coftad.sweep` = '{self._sweep_id}' and tags.`coftad.kind` = 'configuration'",
            "orderByKey": "metrics.`auroc`",
            "orderByAsc": False,
            "selectedColumns": columns,
        }
        return json.dumps(view)

    def _new_parent(self) -> str:
        context = self._context
        tags = {**parent_tags(context), **self._common_tags("sweep")}
        return str(self._client.create_run(self.experiment_id, tags=tags, run_name=context.name).info.run_id)

    def children(self) -> dict[int, str]:
        """Trial number -> the run of it that is finished, if any is, else any."""
        found: dict[int, str] = {}
        for run in self._search("configuration"):
            trial = int(run.data.tags["coftad.trial"])
            if trial not in found or run.info.status != "RUNNING":
                found[trial] = run.info.run_id
        return found

    def remove_doubles(self, parent: str) -> None:
        """Delete what a create_run left behind whose answer was lost, and whose run arrived too late to be found."""
        keep = {parent, *self.children().values()}
        for kind in ("sweep", "configuration"):
            for run in list(self._search(kind)):
                if run.info.run_id not in keep:
                    self._client.delete_run(run.info.run_id)

    def child(self, parent: str, content: Content) -> str:
        """Create a configuration's run, with its tags. Not repeatable: look for it first if it may exist."""
        tags = {**content.tags, **self._common_tags("configuration"), "mlflow.parentRunId": parent}
        run = self._client.create_run(self.experiment_id, content.started_ms, tags, content.name)
        return str(run.info.run_id)

    def fill(self, run_id: str, content: Content, folder: Path | None, split: Split, state: str) -> None:
        """Parameters and metrics in one batch (more only beyond MLflow's limits), data set, files; then its end."""
        self._log(run_id, content.metrics, content.params, content.ended_ms or 0)
        self._log_dataset(run_id, split)
        if folder is not None:
            self._client.log_artifacts(run_id, str(folder))
        self._client.set_terminated(run_id, _STATUS[state], content.ended_ms)

    def summarise(self, run_id: str, summary: dict[str, float | int | str], files: list[Path], time_ms: int) -> None:
        """The sweep's own results: numbers as metrics, words as tags, files as artifacts (a folder as a folder)."""
        numbers = [(name, float(value), 0) for name, value in summary.items() if not isinstance(value, str)]
        self._log(run_id, numbers, {}, time_ms)
        for name, value in summary.items():
            if isinstance(value, str):
                self._client.set_tag(run_id, name, value)
        for file in files:
            if file.is_dir():
                self._client.log_artifacts(run_id, str(file), file.name)
            else:
                self._client.log_artifact(run_id, str(file))

    def end(self, run_id: str, status: str) -> None:
        self._client.set_terminated(run_id, status)

    def _experiment(self) -> str:
        name = self._context.experiment
        found = self._client.get_experiment_by_name(name)
        if found is None:
            tags = {
                "mlflow.experiment.primaryMetric.name": "auroc",
                "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
            }
            try:
                return str(self._client.create_experiment(name, _artifact_root(self._context.tracking_uri), tags))
            except MlflowException as error:
                found = self._client.get_experiment_by_name(name)  # another sweep was faster
                if found is None:
                    raise error
        if found.lifecycle_stage == LifecycleStage.DELETED:
            raise RuntimeError(f"MLflow's experiment {name!r} was deleted there: restore it or name another one")
        return str(found.experiment_id)

    def _search(self, kind: str) -> Iterator[Any]:
        """Runs of this sweep that are not deleted."""
        text = f"tags.`coftad.sweep` = '{self._sweep_id}' and tags.`coftad.kind` = '{kind}'"
        token = None
        while True:
            page = self._client.search_runs([self.experiment_id], text, ViewType.ACTIVE_ONLY, 1_000, None, token)
            yield from page
            token = page.token
            if not token:
                return

    def _log(self, run_id: str, metrics: list[tuple[str, float, int]], params: dict[str, str], time_ms: int) -> None:
        rest = [Metric(name, value, time_ms, step) for name, value, step in metrics]
        pairs = [Param(name, value) for name, value in params.items()]
        while rest or pairs:
            some, pairs = pairs[:_BATCH_PARAMS], pairs[_BATCH_PARAMS:]
            room = _BATCH - len(some)
            self._client.log_batch(run_id, metrics=rest[:room], params=some)
            rest = rest[room:]

    def _log_dataset(self, run_id: str, split: str) -> None:
        dataset = described_dataset(self._context.image_set)
        self._client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", split)])])

    def _common_tags(self, kind: str) -> dict[str, str]:
        return common_tags(self._sweep_id, kind)


def common_tags(sweep_id: str, kind: str) -> dict[str, str]:
    return {"coftad.sweep": sweep_id, "coftad.kind": kind, "mlflow.source.name": "tune_runner"}


def parent_tags(context: SweepContext) -> dict[str, str]:
    """Of the sweep's own run, beside those that all of its runs have."""
    return {
        **context.tags,
        FORMAT_TAG: FORMAT,
        "coftad.dataset": context.image_set.name,
        "coftad.dataset_digest": context.image_set.digest,
    }


def described_dataset(pool: ImageSet) -> Dataset:
    """The images of a sweep as MLflow knows a data set."""
    profile = {"images": len(pool), "normal": int((pool.labels == 0).sum()), "anomalous": int(pool.labels.sum())}
    return Dataset(
        name=pool.name,
        digest=pool.digest[:_LONGEST_DIGEST],
        source_type="coftad",
        source=json.dumps(dict(pool.provenance), default=str),
        profile=json.dumps(profile),
    )


def _artifact_root(tracking_uri: str) -> str | None:
    """Beside a SQLite file, since MLflow's own default hangs on the directory the driver happens to start in."""
    file = sqlite_path(tracking_uri)
    return None if file is None else (file.absolute().parent / "mlartifacts").as_uri()
