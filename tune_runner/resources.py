"""What this machine has, and how many trials fit on it or on a cluster."""

import math
import os
from dataclasses import dataclass

import psutil
import torch

from coftad.types import InputError
from tune_runner.spec import Hardware, Resources

_GPU_SHARE = 0.5  # two trials share a GPU: a batch of 64 leaves a large one half idle


@dataclass(frozen=True)
class Share:
    """What one trial gets, and how many run at once."""

    cpu: float
    gpu: float
    concurrent: int

    @property
    def threads(self) -> int:
        return max(1, math.floor(self.cpu))


def hardware() -> Hardware:
    """Of this machine: cores this process may use, and CUDA devices."""
    return Hardware(cpus=usable_cores(), gpus=torch.cuda.device_count())


def usable_cores() -> int:
    affinity = psutil.Process().cpu_affinity() if hasattr(psutil.Process, "cpu_affinity") else None
    return len(affinity) if affinity else os.cpu_count() or 1


def share(resources: Resources | str, found: Hardware, trials: int) -> Share:
    """What a trial gets on hardware `found`. `auto`: one core, and half a GPU where there is one. InputError if nothing
    fits."""
    if isinstance(resources, str):
        resources = Resources(cpu=1, gpu=_GPU_SHARE if found.gpus else 0)
    fits = found.cpus / resources.cpu
    if resources.gpu:
        fits = min(fits, found.gpus / resources.gpu)
    if math.floor(fits) < 1:
        raise InputError(
            f"resources: one trial asks for {resources.cpu:g} cores and {resources.gpu:g} GPUs; "
            f"there are {found.cpus} cores and {found.gpus} GPUs here"
        )
    return Share(resources.cpu, resources.gpu, min(resources.concurrent or math.floor(fits), math.floor(fits), trials))
