"""From images to scores through one network, for a whole list of scorings: what a trial and a detector share.

Pooled features are small: those of all images are held, and scored together. The patch features of PatchCore are not
(1.2 MB an image of 224 px in ResNet18, four times that in ResNet50): they are computed only where a scoring asks for
them, in the same forward pass, and are scored batch by batch.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from coftad.embeddings import embed, embed_augmented
from coftad.scorers import Fits, patchcore
from coftad.seeding import derive, torch_generator
from coftad.types import FineTuning, Images, Scoring
from coftad.views import POSITIVES

Lap = Callable[[str], None]
"""Called after each piece of work with what it was: embed or score."""


class Scorers:
    """Scorings fitted to the positive views of a support set, as `network` sees them now; it is not copied.

    augmented_AKD: the pooled embeddings of the views, A the largest n_a. gathering: their patches, for PatchCore only.
    """

    def __init__(
        self,
        network: nn.Module,
        training: FineTuning,
        scorings: Sequence[Scoring],
        support: Tensor,
        *,
        seed: int,
        lap: Lap = lambda _: None,
    ) -> None:
        """support: (K, 3, H, W) float, where the network is. lap: to clock with."""
        self.network, self.training, self.scorings, self.lap = network, training, scorings, lap
        self.device, self.seed = support.device, derive(seed, "scorer")
        banks = sorted({scoring.n_a for scoring in scorings if scoring.scorer == "patchcore"})
        gathering = patchcore.Gathering(banks, len(support), self.seed)
        self.augmented_AKD = embed_augmented(
            network,
            support,
            POSITIVES[training.positive_augmentation],
            n_a=max(scoring.n_a for scoring in scorings),
            normalisation=training.normalisation,
            generator=torch_generator(seed, "gaussian"),  # the same views whatever the network
            see=(lambda *maps: gathering.add(patchcore.patches(*maps))) if banks else None,
        )
        lap("embed")
        self.gathering = gathering if banks else None
        self.banks = {n_a: patchcore.bank(gathering.candidates(n_a), self.seed) for n_a in banks}
        self.pooled = [row for row, scoring in enumerate(scorings) if scoring.scorer != "patchcore"]
        self.fits = Fits([scorings[row] for row in self.pooled], self.augmented_AKD, seed=self.seed)
        lap("score")

    def score(self, images: Images) -> Tensor:
        """(N, 3, H, W) uint8 -> (len(scorings), N) float64 on the CPU, higher is more anomalous."""
        of_patches: dict[int, list[Tensor]] = {n_a: [] for n_a in self.banks}  # (B,) of each batch

        def see(layer2: Tensor, layer3: Tensor) -> None:
            patches = patchcore.patches(layer2, layer3)
            self.lap("embed")
            for n_a, bank in self.banks.items():
                of_patches[n_a].append(patchcore.score(bank, patches))
            self.lap("score")

        features = embed(
            self.network,
            images,
            normalisation=self.training.normalisation,
            device=self.device,
            see=see if self.banks else None,
        )
        self.lap("embed")
        scores = features.new_empty(len(self.scorings), len(images))
        scores[self.pooled] = self.fits.score(features)
        for row, scoring in enumerate(self.scorings):
            if scoring.scorer == "patchcore":
                scores[row] = torch.cat(of_patches[scoring.n_a])
        self.lap("score")
        return scores
