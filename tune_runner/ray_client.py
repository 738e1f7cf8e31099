"""Tune through Ray's client (`ray://`), with the driver in this process.

Ray 2.60's Tuner would move the driver into the cluster, and our study and records with it. Its inner Tuner can be told
to stay; it then stages its snapshots, which we never read, below the session folder of a Ray node that this process
does not have: a temporary folder stands in.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray.train._internal.storage as ray_storage
import ray.util.client
from ray import tune
from ray.tune.impl.tuner_internal import TunerInternal


@contextmanager
def staging() -> Iterator[None]:
    """A folder for snapshots where the Ray that is connected has none here; gone after the block."""
    if not ray.util.client.ray.is_connected():
        yield
        return
    before = ray_storage._get_ray_train_session_dir
    with tempfile.TemporaryDirectory(prefix="tune_runner-", ignore_cleanup_errors=True) as folder:
        ray_storage._get_ray_train_session_dir = lambda: folder
        try:
            yield
        finally:
            ray_storage._get_ray_train_session_dir = before


def tuner(**settings: Any) -> TunerInternal | tune.Tuner:
    """A Tuner for the Ray that is connected, whichever way it is; to be made and used within `staging`."""
    if not ray.util.client.ray.is_connected():
        return tune.Tuner(**settings)
    return TunerInternal(**settings, _tuner_kwargs={"_remote": False})
