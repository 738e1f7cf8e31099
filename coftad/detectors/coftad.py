"""COFT-AD itself: fine-tune the backbone on the support set, then score by one scorer. steps=0 is no fine-tuning."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coftad import weights
from coftad.detectors.protocol import OnStep
from coftad.devices import pick
from coftad.embeddings import to_float
from coftad.finetune import finetune
from coftad.scoring import Scorers
from coftad.types import FineTuning, Images, Scoring


@dataclass(frozen=True)
class CoftAD:
    """weights: imagenet, random, auto or a path. device: auto, cpu, cuda. steps: open, see the README."""

    training: FineTuning = field(default_factory=FineTuning)
    scoring: Scoring = field(default_factory=Scoring)
    steps: int = 20
    weights: str = "auto"
    device: str = "auto"

    def fit(self, train: Images, *, seed: int, on_step: OnStep) -> "FittedCoftAD":
        device = pick(self.device)
        state = weights.resolve(self.weights, self.training.backbone).state
        points = finetune(train, self.training, state, points=(self.steps,), seed=seed, device=device, on_step=on_step)
        [(_, network)] = list(points)
        return FittedCoftAD(Scorers(network, self.training, (self.scoring,), to_float(train, device), seed=seed))


@dataclass(frozen=True, eq=False)
class FittedCoftAD:
    scorers: Scorers

    def score(self, images: Images) -> NDArray[np.float64]:
        return self.scorers.score(images)[0].numpy()
