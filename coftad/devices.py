"""Where tensors live, and what makes a computation there repeatable."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from coftad.types import InputError

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def pick(name: str) -> torch.device:
    """`auto` is the first CUDA device if there is one, else the CPU; otherwise torch's own names."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device: {name!r} is unknown; auto, cpu, cuda or cuda:N is accepted") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device: {name!r} was asked for, but torch sees no CUDA device here; auto or cpu is accepted")
    return device


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Deterministic kernels and a fixed number of threads, as sums depend on how they are split; undone afterwards."""
    before = (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())
    benchmark, own_threads, workspace = torch.backends.cudnn.benchmark, torch.get_num_threads(), os.environ.get(_CUBLAS)
    os.environ.setdefault(_CUBLAS, ":4096:8")  # asked for by cuBLAS's deterministic mode
    torch.use_deterministic_algorithms(True, warn_only=True)  # a few CUDA backward kernels of ours have no such variant
    torch.backends.cudnn.benchmark = False
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = benchmark
        torch.set_num_threads(own_threads)
        if workspace is None:
            os.environ.pop(_CUBLAS, None)
