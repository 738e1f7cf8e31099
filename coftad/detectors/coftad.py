"""COFT-AD itself: fine-tune the backbone on the support set, then score by one scorer. steps=0 is no fine-tuning."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torchvision.models import ResNet

from coftad import scorers, weights
from coftad.detectors.protocol import OnStep
from coftad.devices import pick
from coftad.embeddings import embed, embed_augmented, to_float
from coftad.finetune import finetune
from coftad.seeding import derive, torch_generator
from coftad.types import FineTuning, Images, Scoring
from coftad.views import POSITIVES


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
        augmented = embed_augmented(
            network,
            to_float(train, device),
            POSITIVES[self.training.positive_augmentation],
            n_a=self.scoring.n_a,
            normalisation=self.training.normalisation,
            generator=torch_generator(seed, "gaussian"),
        )
        score = scorers.fit(self.scoring, augmented, seed=derive(seed, "scorer"))
        return FittedCoftAD(network, score, self.training.normalisation)


@dataclass(frozen=True, eq=False)
class FittedCoftAD:
    network: ResNet
    scorer: scorers.Score
    normalisation: str

    def score(self, images: Images) -> NDArray[np.float64]:
        device = next(self.network.parameters()).device
        features = embed(self.network, images, normalisation=self.normalisation, device=device)
        return self.scorer(features).numpy()
