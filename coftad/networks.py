"""Backbone, projector g, predictor q, and the EMA target of the first two.

Modules are made on the meta device and filled afterwards, from given weights or a given generator: torch's own
initialisers would read the global random state.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, get_model

from coftad.folding import Folding
from coftad.types import Backbone, FineTuning
from coftad.weights import StateDict


class StemPool(nn.MaxPool2d):
    """ResNet's pooling, taken in `channels_last`, where torch's CPU kernel is several times as fast; what follows gets
    the contiguous layout, in which small feature maps convolve faster. See benchmarks/step_time.py."""

    def __init__(self) -> None:
        super().__init__(kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.contiguous(memory_format=torch.channels_last)).contiguous()


def backbone(name: Backbone, state: StateDict | None, generator: torch.Generator) -> ResNet:
    """torchvision's network with the classifier removed: (B, 3, H, W) -> pooled features (B, 512 or 2048)."""
    with torch.device("meta"):
        network = get_model(name)
    network.fc = nn.Identity()
    network.maxpool = StemPool()
    network.to_empty(device="cpu")
    _initialise(network, generator)
    if state is not None:
        network.load_state_dict(state, strict=True)
    return network


def mlp(d_in: int, d_hidden: int, d_out: int, generator: torch.Generator) -> nn.Sequential:
    """BYOL's head: linear, batch norm, ReLU, linear."""
    with torch.device("meta"):
        head = nn.Sequential(
            nn.Linear(d_in, d_hidden), nn.BatchNorm1d(d_hidden), nn.ReLU(inplace=True), nn.Linear(d_hidden, d_out)
        )
    head.to_empty(device="cpu")
    _initialise(head, generator)
    return head


def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """The distributions of torchvision's ResNet (convolutions) and of torch's Linear, drawn from `generator`."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)


class Networks(nn.Module):
    """The online network f, g, q and the target f', g' of Eq. 1, all starting from the same f and g."""

    def __init__(self, config: FineTuning, state: StateDict | None, generator: torch.Generator) -> None:
        super().__init__()
        self.f = backbone(config.backbone, state, generator)
        d = feature_size(self.f)
        self.g = mlp(d, config.projector_hidden, config.projector_out, generator)
        self.q = mlp(config.projector_out, config.predictor_hidden, config.projector_out, generator)
        self.target_f = backbone(config.backbone, self.f.state_dict(), generator)
        self.target_g = mlp(d, config.projector_hidden, config.projector_out, generator)
        self.target_g.load_state_dict(self.g.state_dict())
        self.target_f.requires_grad_(False)
        self.target_g.requires_grad_(False)
        self.folding = Folding(self.f) if config.batch_norm == "frozen" else None

    def train(self, mode: bool = True) -> "Networks":
        """Heads always use the statistics of the batch; so do both backbones unless their statistics are frozen.

        The target is in the mode of the online network, as BYOL's: its embeddings are compared with the online ones,
        and other statistics would tell the two apart by themselves. Its running statistics follow its own batches and
        are never read, since inference is by the online network alone.
        """
        super().train(mode)
        if mode and self.folding is not None:
            self.f.eval()
            self.target_f.eval()
        return self

    def backbones(self) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """f and f' as they are until the next update: (B, 3, H, W) -> (B, D), the second without gradients."""
        if self.folding is None:
            return self.f, torch.no_grad()(self.target_f)
        with torch.no_grad():
            target = self.folding(self.target_f)
        return self.folding(self.f), torch.no_grad()(target)

    def trained_parameters(self) -> Iterator[nn.Parameter]:
        for module in (self.f, self.g, self.q):
            yield from module.parameters()

    @torch.no_grad()
    def move_target(self, beta: float) -> None:
        """theta' <- beta theta' + (1 - beta) theta, for backbone and projector (Section III.A). Statistics of batch
        norm are no parameters and are not moved."""
        online = [*self.f.parameters(), *self.g.parameters()]
        target: list[Tensor] = [*self.target_f.parameters(), *self.target_g.parameters()]
        torch._foreach_lerp_(target, online, 1 - beta)


def feature_size(network: ResNet) -> int:
    """512 for ResNet18, 2048 for ResNet50."""
    return int(
        network.layer4[-1].bn2.num_features
        if not hasattr(network.layer4[-1], "bn3")
        else network.layer4[-1].bn3.num_features
    )
