"""The one gradient loop of COFT-AD: Eq. 6 with Adam, on batches drawn from the support set (Section IV.C).

One step embeds two positive views, one in the online and one in the target network, and every loss reuses those
embeddings. A negative view adds one online forward pass and, for the clean images of Eq. 5, one target forward pass
of the K support images, however large the batch is.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torchvision.models import ResNet

from coftad import losses
from coftad.embeddings import embed, normalise, to_float
from coftad.networks import Networks
from coftad.seeding import torch_generator
from coftad.types import FineTuning, Images
from coftad.views import NEGATIVES, POSITIVES
from coftad.weights import StateDict

ADAM_BETAS = (0.9, 0.99)  # Section IV.C

OnStep = Callable[[int, dict[str, float]], None]
"""Called after every step with its number, from 1, and its losses: con, pp, np, all."""


class NonFiniteLoss(ArithmeticError):
    """The loss became NaN or infinite; the network is useless from here on."""


def draw_batch(count: int, batch_size: int, generator: torch.Generator) -> Tensor:
    """(batch_size,) indices of `count` support images: whole random permutations, one after another, so that no image
    comes up more than once more often than another."""
    rounds = -(-batch_size // count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[:batch_size]


class Trainer:
    """The state of one fine-tuning. `step` makes one step of Eq. 6 and returns its losses as 0-d tensors."""

    def __init__(
        self, train: Images, config: FineTuning, state: StateDict | None, *, seed: int, device: torch.device
    ) -> None:
        self.config = config
        self.support = to_float(train, device)
        self.networks = Networks(config, state, torch_generator(seed, "networks")).to(device)
        self.positive = POSITIVES[config.positive_augmentation]
        self.negative = NEGATIVES[config.negative_augmentation] if config.lambda_np > 0 else None
        self.centre = None
        if config.positive_pair == "fixed_centre" and config.lambda_pp > 0:
            features = embed(self.networks.f, train, normalisation=config.normalisation, device=device)
            self.centre = losses.centre(features).float().to(device)
        self.batches = torch_generator(seed, "batches")
        self.positive_draws = torch_generator(seed, "positive")
        self.negative_draws = torch_generator(seed, "negative")
        self.optimiser = torch.optim.Adam(
            self.networks.trained_parameters(), lr=config.learning_rate, betas=ADAM_BETAS, fused=True
        )

    def step(self) -> dict[str, Tensor]:
        self.networks.train()
        rows = draw_batch(len(self.support), self.config.batch_size, self.batches)
        permutation = torch.randperm(self.config.batch_size, generator=self.batches)
        terms = self._losses(rows.to(self.support.device), permutation.to(self.support.device))
        self.optimiser.zero_grad(set_to_none=True)
        terms["all"].backward()
        self.optimiser.step()
        self.networks.move_target(self.config.beta)
        return {name: value.detach() for name, value in terms.items()}

    def _losses(self, rows_B: Tensor, permutation_B: Tensor) -> dict[str, Tensor]:
        config = self.config
        f, target_f = self.networks.backbones()
        images = self.support[rows_B]
        first = self._feed(self.positive(images, self.positive_draws))
        second = self._feed(self.positive(images, self.positive_draws))
        z, target_z = f(first), target_f(second)
        zero = z.new_zeros(())

        con = self._contrastive(z, target_z) if config.contrastive else zero
        if config.contrastive and config.symmetric:
            con = con + self._contrastive(f(second), target_f(first))

        pp = zero
        if self.centre is not None:
            pp = losses.fixed_centre(z, self.centre)
        elif config.lambda_pp > 0:
            pp = losses.cross_instance(z, target_z, permutation_B)

        np = zero
        if self.negative is not None:
            z_negative = f(self._feed(self.negative(images, self.negative_draws)))
            np = losses.negative_pair(z_negative, target_f(self._feed(self.support))[rows_B])

        everything = losses.total(con, pp, np, lambda_pp=config.lambda_pp, lambda_np=config.lambda_np)
        return {"con": con, "pp": pp, "np": np, "all": everything}

    def _contrastive(self, z: Tensor, target_z: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.networks.target_g(target_z)
        return losses.contrastive(self.networks.q(self.networks.g(z)), target)

    def _feed(self, images: Tensor) -> Tensor:
        return normalise(images, self.config.normalisation)


def finetune(
    train: Images,
    config: FineTuning,
    state: StateDict | None,
    *,
    points: Sequence[int],
    seed: int,
    device: torch.device,
    on_step: OnStep,
) -> Iterator[tuple[int, ResNet]]:
    """Fine-tune on `train` (K, 3, H, W) and yield (steps made, online backbone) at each of the ascending `points`.

    The learning rate is constant, so a longer run passes through every shorter one. The backbone yielded is live: use
    it before asking for the next point. Raises NonFiniteLoss.
    """
    trainer = Trainer(train, config, state, seed=seed, device=device)
    made = 0
    for point in sorted(set(points)):
        while made < point:
            terms = {name: float(value) for name, value in trainer.step().items()}
            made += 1
            if not all(map(math.isfinite, terms.values())):
                raise NonFiniteLoss(f"step {made}: the losses are {terms}")
            on_step(made, terms)
        yield made, trainer.networks.f
