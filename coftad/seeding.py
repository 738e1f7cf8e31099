"""One root seed, and from it named, independent generators.

A name ("views", "cutpaste", "episode", 3) is hashed together with the root, so that adding a consumer never shifts the
draws of another, and nothing depends on the order in which generators are asked for. Global random state is never
read and never set.
"""

import hashlib

import numpy as np
import torch


def derive(root: int, *names: str | int) -> int:
    """A 63-bit seed for the consumer called `names` under `root`."""
    text = "\x1f".join([str(int(root)), *(f"{type(name).__name__}:{name}" for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_generator(root: int, *names: str | int) -> torch.Generator:
    """A CPU generator. Views draw their parameters on the CPU so that a GPU sees the same draws."""
    return torch.Generator().manual_seed(derive(root, *names))


def numpy_generator(root: int, *names: str | int) -> np.random.Generator:
    return np.random.default_rng(derive(root, *names))
