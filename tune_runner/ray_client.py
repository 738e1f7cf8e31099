"""Tune through Ray's client (`ray://`), with the driver in this process.

Ray 2.60's Tuner would move the driver into the cluster, and our study and records with it. Its inner Tuner can be told
to stay; it then stages its snapshots, which we never read, below the session folder of a Ray node that this process
does not have: a temporary folder stands in.
"""

import functools
import tempfile
from typing import Any

import ray.train._internal.storage as ray_storage
import ray.util.client
from ray import tune
from ray.tune.impl.tuner_internal import TunerInternal


@functools.cache
def _session() -> "tempfile.TemporaryDirectory[str]":
    """Gone with this process."""
    return tempfile.TemporaryDirectory(prefix="tune_runner-", ignore_cleanup_errors=True)


def tuner(**settings: Any) -> TunerInternal | tune.Tuner:
    """A Tuner for the Ray that is connected, whichever way it is."""
    if not ray.util.client.ray.is_connected():
        return tune.Tuner(**settings)
    ray_storage._get_ray_train_session_dir = lambda: _session().name
    return TunerInternal(**settings, _tuner_kwargs={"_remote": False})
