"""A worker that Ray's memory monitor kills is one dead worker.

Ray 2.60's actor manager knows actors that died and tasks that raised. The memory monitor's OutOfMemoryError is neither
of its classes, so it ends the whole of Tune with "Caught unexpected exception". Here it becomes the death of the actor
that it is; Tune then retries the trial, or fails it.
"""

from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError

_original = RayActorManager._actor_task_failed


def _actor_task_failed(self: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
    if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
        actor = tracked_actor_task._tracked_actor
        exception = RayActorError(actor_id=None, error_msg=f"{type(exception).__name__}: {exception} ({actor})")
    _original(self, tracked_actor_task, exception)


def install() -> None:
    """Idempotent, for this process."""
    RayActorManager._actor_task_failed = _actor_task_failed
