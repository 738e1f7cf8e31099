"""Two deaths of workers that Ray 2.60's Tune takes badly; while `patched` it retries their trials, or fails them.

Its actor manager knows actors that died and tasks that raised. The memory monitor's OutOfMemoryError is neither of its
classes, so it ends the whole of Tune with "Caught unexpected exception". Here it becomes the death of the actor it is.

Its controller retries trials that run. A worker that dies while it is handed its next trial is told of twice, as an
actor that failed and as a task that failed, and the trial is still PENDING: the second word fails the trial that the
first one queued again, whatever `max_failures` says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

_task_failed = RayActorManager._actor_task_failed
_trial_failed = TuneController._process_trial_failure


def _actor_task_failed(self: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
    if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
        actor = tracked_actor_task._tracked_actor
        exception = RayActorError(actor_id=None, error_msg=f"{type(exception).__name__}: {exception} ({actor})")
    _task_failed(self, tracked_actor_task, exception)


def _process_trial_failure(self: TuneController, trial: Trial, exception: Exception) -> None:
    if trial in self._resetting_trials:
        self._resetting_trials.discard(trial)  # else it would be taken for one that has a worker
        if trial.status == Trial.PENDING:  # the task came first; so does Tune itself where the actor did
            self._unstage_trial_with_resources(trial)
            self._set_trial_status(trial, Trial.RUNNING)
    elif trial.status == Trial.PENDING:  # queued again since: this is the second word
        return
    _trial_failed(self, trial, exception)


@contextmanager
def patched() -> Iterator[None]:
    """For all of Tune in this process, until the end of the block."""
    RayActorManager._actor_task_failed = _actor_task_failed
    TuneController._process_trial_failure = _process_trial_failure
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = _task_failed
        TuneController._process_trial_failure = _trial_failed
