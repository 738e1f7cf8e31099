"""What every detector is: hyperparameters that can be fitted to normal images, and then score any images.

`fit` sees normal images and a seed, no labels and no test images: leakage is impossible by signature.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coftad.types import Images

OnStep = Callable[[int, dict[str, float]], None]
"""Called after every training step with its number, from 1, and its losses."""


class Fitted(Protocol):
    def score(self, images: Images) -> NDArray[np.float64]:
        """(N, 3, H, W) uint8 of the fitted size -> (N,), higher is more anomalous. No threshold."""
        ...


class Detector(Protocol):
    def fit(self, train: Images, *, seed: int, on_step: OnStep) -> Fitted:
        """train: (K, 3, H, W) uint8, all normal. The same arguments give the same scores, bit for bit."""
        ...
