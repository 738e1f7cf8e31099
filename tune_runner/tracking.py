"""Records -> MLflow: one parent run a sweep, one child run a configuration, each exactly once, and never in the way.

One background thread is the only one that talks to MLflow; the sweep only leaves notes. A tracker that is away, slow or
broken costs nothing but runs that arrive later: when it is back, or with `sync`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tune_runner import child_run
from tune_runner.context import Outcome, SweepContext
from tune_runner.directory import artifact_folder
from tune_runner.drawing import Drawing
from tune_runner.journal import RecordingError
from tune_runner.ledger import PARENT, Finish, Ledger, ParentStatus
from tune_runner.mlflow_store import Store, is_permanent, page, prepare_environment
from tune_runner.records import EpisodeRecord, Records
from tune_runner.redact import redact

log = logging.getLogger(__name__)

_MOST_FAILURES = 5  # in a row, while closing and although MLflow can be reached
_LAST_CALL = 5.0  # seconds, when the time to close is over: the run that is being sent, and the end of the sweep's own


class Tracker:
    """Sends a sweep to MLflow from a background thread.

    Opening one on a directory that has been used before goes on where the last one stopped. Every method returns at
    once, except `close`. Raises DirectoryInUse if another process sends the same directory.
    """

    def __init__(
        self,
        context: SweepContext,
        drawing: Drawing | None = None,
        *,
        live: bool = True,
        first_retry: float = 0.5,
        longest_retry: float = 30.0,
    ) -> None:
        """drawing: of the sweep's artifacts, which runs are sent with, and which whoever made it closes; default: one
        of its own. live: a sweep is going on, so its run is set to running. Retries (seconds) double from first to
        longest."""
        self._context = context
        self._live = live
        self._retries = (first_retry, longest_retry)
        self._records = Records(context.directory)  # the thread's own; the driver appends through another
        self._ledger = Ledger(context.directory, context.destination, context.name)
        self._ledger.show(context.shown)
        self._look = self._ledger.contacted  # runs may exist that an earlier process could not note
        self._changed = threading.Condition()
        self._refused: dict[int, str] = {}
        self._problem = ""
        self._sent = 0
        self._saved = not live  # `sync` read the context, perhaps for another MLflow than the sweep's own
        self._closing = self._hurry = self._stop = self._finished = False
        self._unfinished: ParentStatus = "KILLED"  # of the sweep's run, where `finish` was not called
        self._store: Store | None = None
        self._parent = self._experiment = ""
        self._parent_running = False
        self._found: dict[int, str] = {}  # runs of trials that are not noted as sent
        self._lost = False  # whether the answer to a create_run got lost, so that there may be a double
        self._failures = 0  # since the last success
        self._delay = 0.0
        self._retry_at = 0.0
        prepare_environment()
        self._owns_drawing = drawing is None
        self._drawing = drawing or Drawing(context)
        for trial in self._ledger.pending:
            self._drawing.add(trial)
        self._drawing.listen(self._wake)
        self._thread = threading.Thread(target=self._work, name="mlflow-tracker", daemon=True)
        self._thread.start()

    @property
    def unsent(self) -> int:
        """Configurations that ended and are not yet in MLflow, those that it refused included."""
        return len(self._ledger.pending)

    @property
    def sent(self) -> int:
        """Configurations sent since this tracker was opened."""
        return self._sent

    @property
    def problem(self) -> str:
        """Why MLflow is out of reach or refuses, without credentials; empty while all is well."""
        with self._changed:
            refused = "; ".join(f"trial {trial}: {why}" for trial, why in self._refused.items())
            return self._problem or refused

    @property
    def page(self) -> str:
        """Where MLflow's pages show this sweep's configurations, best first: what to append to the server's address.

        Empty until MLflow was reached.
        """
        return page(self._experiment, self._ledger.sweep_id) if self._experiment else ""

    @property
    def parent_run(self) -> str:
        """The id of the sweep's own run, with the test results and the report; empty until MLflow was reached."""
        return self._parent

    def ended(self, outcome: Outcome) -> bool:
        """Note that a configuration ended, after its last record. False, and nothing changes, if that is known: the
        first outcome is final. Raises RecordingError."""
        with self._changed:
            new = self._ledger.ended(outcome)
            if new:
                self._drawing.add(outcome.trial)
                self._changed.notify_all()
            return new

    def finish(
        self, summary: dict[str, float | int | str], files: Iterable[Path] = (), status: ParentStatus = "FINISHED"
    ) -> None:
        """Note how the sweep ended: test metrics (numbers) and facts (words) for its run, and the report's files and
        folders. Raises RecordingError."""
        home = self._context.directory.absolute()
        absolute = [Path(file).absolute() for file in files]  # those of the sweep relative to it, so that it can move
        paths = tuple(str(file.relative_to(home) if file.is_relative_to(home) else file) for file in absolute)
        noted = Finish(summary=summary, files=paths, status=status, at_ms=int(time.time() * 1000))
        with self._changed:
            self._ledger.finished(noted)
            self._finished = True
            self._changed.notify_all()

    def close(self, timeout: float = 30.0, status: ParentStatus = "KILLED") -> int:
        """Send what is left, end the sweep's run (with `status`, where `finish` was not called) and stop.

        An MLflow that does not answer is tried once more, not waited for. Returns `unsent` after at most `timeout`
        seconds, and five more in which the sweep's run is ended although not all was sent; `sync` sends the rest later.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._closing = True
            self._unfinished = status
            self._retry_at = 0.0
            self._changed.notify_all()
        self._thread.join(max(0.0, deadline - time.monotonic()))  # it may yet ask for what MLflow lost to be drawn
        if self._thread.is_alive():
            with self._changed:
                self._hurry = True
                self._changed.notify_all()
            self._thread.join(_LAST_CALL)
        if self._owns_drawing:
            self._drawing.close(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        return self.unsent

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            self._work_on()
        finally:
            self._ledger.close()

    def _work_on(self) -> None:
        while True:
            with self._changed:
                job = self._next()
                while job is None and not self._stop and not (self._closing and self._is_done()):
                    late = self._retry_at - time.monotonic()
                    self._changed.wait(late if late > 0 and not self._is_done() else None)
                    job = self._next()
                if job is None or self._stop:
                    return
            try:
                job()
            except Exception as error:  # whatever a tracker does, the sweep goes on
                if not self._put_off(job, error):
                    return

    def _is_done(self) -> bool:
        return self._next(now=float("inf")) is None and (self._hurry or not self._waits())

    def _waits(self) -> bool:
        """Whether there are runs that go without their pictures so far."""
        return not self._drawing.over and any(not self._drawing.tried(trial) for trial in self._sendable())

    def _sendable(self) -> Iterator[int]:
        """Trials that ended, and that MLflow neither has nor refused."""
        return (trial for trial in self._ledger.pending if trial not in self._refused)

    def _next(self, now: float | None = None) -> Callable[[], None] | None:
        """The next piece of work; None while there is none, or MLflow is given a rest."""
        if self._hurry:
            return self._end_parent if self._store is not None and self._parent_running else None
        if not self._saved:
            return self._save
        if (time.monotonic() if now is None else now) < self._retry_at:
            return None
        if self._store is None:
            return self._connect
        if any(map(self._drawing.tried, self._sendable())):
            return self._send
        if self._waits():
            return None
        if self._ledger.finish is not None and not self._ledger.finish_sent:
            return self._send_finish
        if self._closing and self._lost:
            return self._remove_doubles
        if self._closing and self._parent_running:
            return self._end_parent
        return None

    def _put_off(self, job: Callable[[], None], error: Exception) -> bool:
        """Note a failure and connect anew next time. False if the thread should end: closing, and no answer."""
        text = self._text(error)
        with self._changed:
            if not self._problem:
                log.warning("Tracking is interrupted; the sweep goes on, and what it finds is sent later. %s", text)
            self._problem = text
            self._store = None
            self._failures += 1
            first, longest = self._retries
            self._delay = min(longest, max(first, 2 * self._delay))
            self._retry_at = 0.0 if self._closing else time.monotonic() + self._delay
            return not self._closing or (job != self._connect and self._failures < _MOST_FAILURES)

    def _text(self, error: Exception) -> str:
        return redact(f"{type(error).__name__}: {error}".strip(), self._context.tracking_uri)

    def _save(self) -> None:
        self._saved = True  # tried once: a full disk stops the sweep through its records, not here
        try:
            self._context.save()
        except RecordingError as error:
            log.warning("`sync` will not work from this directory alone: %s", error)

    def _connect(self) -> None:
        store = Store(self._context, self._ledger.sweep_id)
        look = self._look
        self._look = True  # from the next call on there may be runs whose ids got lost
        self._ledger.contact()
        try:
            noted = self._ledger.runs.get(PARENT)
            self._parent, self._parent_running = store.parent(noted, look=look, reopen=self._live)
        except LookupError:
            log.warning("MLflow lost the runs of this sweep: all are sent again")
            with self._changed:
                self._ledger.forget()
                for trial in self._ledger.pending:
                    self._drawing.add(trial)
            return
        self._experiment = store.experiment_id
        self._ledger.run(PARENT, self._parent)
        found = store.children() if look else {}
        self._found = {trial: run_id for trial, run_id in found.items() if trial not in self._ledger.sent}
        self._store = store
        if not self._ledger.pending:
            self._reached()

    def _send(self) -> None:
        assert self._store is not None
        with self._changed:
            trial = next(filter(self._drawing.tried, self._sendable()))
            outcome = self._ledger.pending[trial]
        try:
            content, episodes = self._content(outcome)
        except Exception as error:  # damaged records, not MLflow: trying again does not help
            self._refuse(trial, error)
            return
        folder = artifact_folder(self._context.directory, trial)
        try:
            self._send_run(outcome, content, folder if episodes and folder.is_dir() else None)
        except Exception as error:
            if is_permanent(error):
                self._refuse(trial, error)
                if trial in self._ledger.runs:
                    self._store.end(self._ledger.runs[trial], "FAILED")  # rather than running for ever
                return
            with self._changed:  # another trial is next: MLflow may choke on this one alone
                self._ledger.pending[trial] = self._ledger.pending.pop(trial)
            raise
        with self._changed:
            self._ledger.mark_sent(trial)
        self._found.pop(trial, None)
        self._sent += 1
        self._reached()

    def _refuse(self, trial: int, error: Exception) -> None:
        """Leave a trial for a later `sync`."""
        log.warning("trial %d cannot be sent to MLflow: %s", trial, self._text(error))
        with self._changed:
            self._refused[trial] = self._text(error)

    def _content(self, outcome: Outcome) -> tuple[child_run.Content, list[EpisodeRecord]]:
        episodes = self._records.of(outcome.trial)
        content = child_run.content(self._context, outcome, episodes)
        content.metrics.extend(child_run.loss_metrics(self._records, episodes))
        return content, episodes

    def _send_run(self, outcome: Outcome, content: child_run.Content, folder: Path | None) -> None:
        assert self._store is not None
        trial = outcome.trial
        run_id = self._found.get(trial) or self._ledger.runs.get(trial)
        if run_id is None:
            lost, self._lost = self._lost, True  # until the answer is here
            run_id = self._store.child(self._parent, content)
            self._lost = lost
        self._ledger.run(trial, run_id)
        self._store.fill(run_id, content, folder, "search", outcome.state)

    def _send_finish(self) -> None:
        assert self._store is not None
        finish = self._ledger.finish
        assert finish is not None
        files = [path for file in finish.files if (path := self._context.directory / file).exists()]
        self._store.summarise(self._parent, finish.summary, files, finish.at_ms)
        with self._changed:
            if self._ledger.finish is finish:
                self._ledger.mark_finish_sent()
        self._parent_running = True  # its status may be another one now
        self._reached()

    def _remove_doubles(self) -> None:
        assert self._store is not None
        self._store.remove_doubles(self._parent)
        self._lost = False

    def _end_parent(self) -> None:
        assert self._store is not None
        finish = self._ledger.finish
        ended = finish is not None and (self._finished or not self._live)  # not the end before it was resumed
        status = finish.status if finish is not None and ended else self._unfinished
        self._store.end(self._parent, status)
        self._ledger.closed(status)
        self._parent_running = False

    def _reached(self) -> None:
        with self._changed:
            if self._problem:
                log.warning("MLflow is back")
            self._problem, self._failures, self._delay, self._retry_at = "", 0, 0.0, 0.0


@dataclass(frozen=True)
class SyncReport:
    """sent: configurations sent now. unsent: those left, because of `problem`."""

    sent: int
    unsent: int
    problem: str


def sync(
    directory: Path, *, tracking_uri: str | None = None, outcomes: Iterable[Outcome] = (), timeout: float = 600.0
) -> SyncReport:
    """Send everything in a sweep's directory that MLflow does not have yet, exactly once, from the directory alone.

    tracking_uri: another MLflow than the sweep's own, or the same one with its credentials. outcomes: of trials that
    ended without a note, as the study has them. Raises RecordingError, InputError, DirectoryInUse.
    """
    tracker = Tracker(SweepContext.load(directory, tracking_uri), live=False)
    try:
        for outcome in outcomes:
            tracker.ended(outcome)
        unsent = tracker.close(timeout)
    except BaseException:  # Ctrl-C, for one
        tracker.close(0)
        raise
    return SyncReport(sent=tracker.sent, unsent=unsent, problem=tracker.problem)


__all__ = ["Outcome", "SweepContext", "SyncReport", "Tracker", "artifact_folder", "sync"]
