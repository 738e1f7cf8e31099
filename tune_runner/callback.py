"""From Ray's events to records, study, tracker and screen, in this order: a result is on disk before anyone is told.

Nothing here raises into Tune, which would end the sweep with a traceback of its own: a driver that cannot record stops
the sweep and says why afterwards.
"""

import logging
import math
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from tune_runner.context import Outcome
from tune_runner.drawing import Drawing
from tune_runner.failures import described
from tune_runner.interruption import EXIT_CODE
from tune_runner.journal import RecordingError
from tune_runner.plan import Prepared
from tune_runner.progress import Progress
from tune_runner.reconcile import verdict, whole
from tune_runner.records import EpisodeRecord, Records, RowRecord, Scores
from tune_runner.searcher import StudySearcher
from tune_runner.space import as_written
from tune_runner.study.scored import auroc_interval, measured
from tune_runner.tracking import Tracker
from tune_runner.trainable import TRIAL_CONFIG, FinishedEpisode
from tune_runner.trial_state import INTERRUPTED

log = logging.getLogger(__name__)


class Halt(tune.Stopper):
    """Ends all that runs: at a deadline, when someone gives a reason, or when nobody reads what is printed any more.

    error: the exception that is the reason, if one is. code: the process's exit code, 0 if it ends as it should.
    incomplete: whether something of what was asked for was left undone.
    """

    def __init__(self, wall_time: float | None = None, lost: Callable[[], str] = lambda: "") -> None:
        """wall_time: seconds from now. lost: says why nothing can be printed any more; empty while it can."""
        self._start = time.monotonic()
        self._reason = ""
        self.error: BaseException | None = None
        self.code = 0
        self.incomplete = False
        self._lost = lost
        self.limit(wall_time)

    def limit(self, wall_time: float | None) -> None:
        """Set the deadline, in seconds after the beginning of the run; None for none."""
        self._deadline = None if wall_time is None else self._start + wall_time

    def stop(self, reason: str, error: BaseException | None = None, code: int = 0) -> None:
        """The first reason counts."""
        if not self._reason:
            self.error, self.code, self._reason = error, code, reason

    def interrupt(self, reason: str) -> None:
        """Stop for a signal."""
        self.stop(reason, code=EXIT_CODE)

    @property
    def reason(self) -> str:
        """Why it ends; empty while nothing ends it."""
        if self._reason:
            return self._reason
        spent = self._deadline is not None and time.monotonic() > self._deadline
        return "the wall-time budget is spent" if spent else ""

    @property
    def left(self) -> float | None:
        """Seconds to the deadline, at least one; None if there is none."""
        return None if self._deadline is None else max(1.0, self._deadline - time.monotonic())

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        if not self._reason and (lost := self._lost()):
            self.stop(lost, code=1)
        return bool(self.reason)

    def __getstate__(self) -> dict[str, Any]:
        return {}


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """An exception in a callback stops the sweep, which then reports it."""

    @wraps(method)
    def call(self: "SweepCallback", *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            log.debug("stopping the sweep", exc_info=True)
            self.halt.stop(described(error), error)

    return call


class SweepCallback(tune.Callback):
    def __init__(
        self,
        prepared: Prepared,
        searcher: StudySearcher,
        records: Records,
        drawing: Drawing,
        tracker: Tracker | None,
        progress: Progress,
        halt: Halt,
        ended: Callable[[], object] = lambda: None,
    ) -> None:
        self.prepared = prepared
        self.searcher = searcher
        self.records = records
        self.drawing = drawing
        self.tracker = tracker
        self.progress = progress
        self.halt = halt
        self.ended = ended  # told when the study has a new result
        self.highest = -math.inf  # value of a trial of this driver

    # Tune pickles its callbacks into a snapshot that we never read.
    def __getstate__(self) -> dict[str, Any]:
        return {}

    @guarded
    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        if asked := self.searcher.running.get(trial.trial_id):
            self.progress.started(asked.number, as_written(self.prepared.spec.space, asked.params))

    @guarded
    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        finished = result.pop("finished", None)  # Tune keeps the result for ever; the arrays it need not keep
        if finished is not None:
            self.records.append(*_as_record(finished, trial.trial_id, self.prepared))
            self.searcher.report(trial.trial_id, int(result["episodes"]), float(result["objective"]))

    @guarded
    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        asked = self.searcher.running.get(trial.trial_id)
        if asked is None:
            return
        result = trial.last_result or {}
        if (failure := result.get("failure")) is not None:
            self._failed(trial, failure.reason, failure.detail)
            return
        episodes = int(result.get("episodes", 0))
        pruned = episodes < len(self.prepared.episodes)
        if pruned and (self.halt.stop_all() or episodes == 0):
            return  # not stopped by the scheduler: `interrupt` closes it
        records = self.records.of(asked.number)
        found = verdict(records, self.prepared.spec.objective)
        self.searcher.complete(trial.trial_id, found.value, found.attributes, pruned=pruned, running=found.running)
        self.track(Outcome(trial=asked.number, state="pruned" if pruned else "complete", ray_trial=trial.trial_id))
        if not pruned and found.best_value > self.highest:
            self.highest = found.best_value
            self.progress.best = (asked.number, found.auroc, self._interval(records, found.best))
        self.ended()
        self.progress.ended(asked.number, "pruned" if pruned else "complete", f"{found.auroc:.3f}")

    @guarded
    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        if trial.trial_id in self.searcher.running:
            self._failed(trial, *_death(trial))

    def interrupt(self) -> int:
        """Close in the study what still runs there: told, if all of it is recorded, else to be run again by a later
        driver. The number of those. Where the study can't be written, the next driver does it, as after a kill."""
        left = 0
        try:
            for trial_id, asked in list(self.searcher.running.items()):
                if found := self._whole(asked.number):
                    result = verdict(found, self.prepared.spec.objective)
                    self.searcher.complete(
                        trial_id, result.value, result.attributes, pruned=False, running=result.running
                    )
                    self.track(Outcome(trial=asked.number, state="complete", ray_trial=trial_id))
                else:
                    left += 1
                    self.searcher.fail(trial_id, INTERRUPTED, self.halt.reason or "the sweep was interrupted")
        except Exception as error:
            self.halt.stop(described(error), error)
        return left

    def _whole(self, trial: int) -> list[EpisodeRecord]:
        try:
            return whole(self.records, trial, len(self.prepared.episodes), self.prepared.spec.objective)
        except RecordingError:  # what stopped the sweep, perhaps; the next driver looks again
            return []

    def _failed(self, trial: Trial, reason: str, detail: str) -> None:
        number = self.searcher.running[trial.trial_id].number
        self.searcher.fail(trial.trial_id, reason, detail)
        training = TRIAL_CONFIG.validate_python(trial.config["trial"]).training
        self.track(
            Outcome(
                trial=number, state="failed", reason=reason, message=detail, ray_trial=trial.trial_id, training=training
            )
        )
        self.ended()
        self.progress.ended(number, "failed", reason)
        self.progress.note(f"trial {number} failed: {reason}: {detail}")

    def track(self, outcome: Outcome) -> None:
        """Have a trial that ended drawn, and shown in MLflow, each once."""
        self.drawing.add(outcome.trial)
        if self.tracker is not None:
            self.tracker.ended(outcome)

    def _interval(self, records: list[EpisodeRecord], best: int) -> tuple[float, float]:
        return auroc_interval(measured(self.prepared, self.records, records, best, "search_rows"))


def _death(trial: Trial) -> tuple[str, str]:
    """(reason, detail) of a worker process that was lost, after all retries, from the file that Tune keeps of it."""
    path = Path(trial.error_file or "")
    text = path.read_text(errors="replace") if path.is_file() else ""
    last = " ".join(text.rpartition("Failure # ")[2].split())
    detail = last.partition(") ")[2][:500] or "Ray gave no reason"
    lower = last.lower()
    if "outofmemoryerror" in lower or "running low on memory" in lower or "memory pressure" in lower:
        return "out_of_memory", detail
    if "node has died" in lower or "node died" in lower or "node failure" in lower:
        return "node_died", detail
    if "is unavailable" in lower:  # Ray does not know yet whether the process died, its machine, or the network
        return "unreachable", detail
    return "worker_died", detail


def _as_record(finished: FinishedEpisode, ray_trial: str, prepared: Prepared) -> tuple[EpisodeRecord, Scores]:
    result = finished.result
    record = EpisodeRecord(
        trial=finished.number,
        ray_trial=ray_trial,
        episode=finished.episode,
        seed=prepared.episodes[finished.episode].seed,
        training=finished.config.training,
        rows=tuple(
            RowRecord(steps=row.steps, scoring=row.scoring, search=row.search, criteria=dict(row.criteria))
            for row in result.rows
        ),
        seconds=dict(result.seconds),
        finished_at=time.time(),
        host=finished.host,
        threads=finished.threads,
    )
    return record, Scores(scores=result.scores, image_rows=result.image_rows, losses=result.losses)
