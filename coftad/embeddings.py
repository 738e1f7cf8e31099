"""Network and images -> features, without gradients and with the running statistics of batch norm."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from coftad.types import Images
from coftad.views import View

# One size for all devices and callers: a convolution's rounding may depend on how images are grouped into a batch.
BATCH = 64

SeeMaps = Callable[[Tensor, Tensor], None]
"""Given the maps of layer2 and layer3, (B, C, H, W) each, of every batch, in the order of the images."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def to_float(images: Images, device: torch.device) -> Tensor:
    """(N, 3, H, W) uint8 -> float32 in [0, 1] on `device`."""
    # A copy: images in the object store are read-only, which torch cannot express.
    return torch.tensor(images, device=device).float().div_(255)


def normalise(x: Tensor, how: str) -> Tensor:
    """What the backbone is fed: channels standardised as ImageNet's (`imagenet`) or [0, 1] as it is (`none`), in
    `channels_last`, which the layers up to its pooling are fastest in (see `coftad.networks.StemPool`)."""
    if how == "imagenet":
        mean = x.new_tensor(IMAGENET_MEAN)[:, None, None]
        x = (x - mean) / x.new_tensor(IMAGENET_STD)[:, None, None]
    return x.contiguous(memory_format=torch.channels_last)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def watching(network: nn.Module, see: SeeMaps | None) -> Iterator[None]:
    """While it lasts, `see` gets the maps of every batch that passes through `network`, a ResNet."""
    if see is None:
        yield
        return
    finer: list[Tensor] = []

    def layer2(module: nn.Module, given: tuple[Tensor, ...], maps: Tensor) -> None:
        finer.append(maps)

    def layer3(module: nn.Module, given: tuple[Tensor, ...], maps: Tensor) -> None:
        see(finer.pop(), maps)

    hooks = [network.get_submodule(each.__name__).register_forward_hook(each) for each in (layer2, layer3)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def embed(
    network: nn.Module, images: Images, *, normalisation: str, device: torch.device, see: SeeMaps | None = None
) -> Tensor:
    """(N, 3, H, W) uint8 -> features (N, D) float64 on the CPU, not normalised."""
    with evaluating(network), watching(network, see):
        parts = [
            network(normalise(to_float(images[start : start + BATCH], device), normalisation)).cpu()
            for start in range(0, len(images), BATCH)
        ]
    return torch.cat(parts).double()


def embed_augmented(
    network: nn.Module,
    support: Tensor,
    view: View,
    *,
    n_a: int,
    normalisation: str,
    generator: torch.Generator,
    see: SeeMaps | None = None,
) -> Tensor:
    """Features of `n_a` positive views of each image, for Eq. 7: (K, 3, H, W) float -> (n_a, K, D) float64 on the CPU.

    The views of smaller numbers are nested: the first n of a larger call with the same generator state are the same,
    since rounds are drawn one after another. `see` gets maps in the order of (n_a, K).
    """
    rounds = max(1, BATCH // len(support))  # at a time
    with evaluating(network), watching(network, see):
        parts = [
            network(
                normalise(torch.cat([view(support, generator) for _ in range(min(rounds, n_a - start))]), normalisation)
            ).cpu()
            for start in range(0, n_a, rounds)
        ]
    return torch.cat(parts).double().unflatten(0, (n_a, len(support)))
