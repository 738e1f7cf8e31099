"""Frozen batch norm absorbed by the convolution before it.

With fixed statistics, batch norm is the same affine map for every pixel of a channel, so norm(conv(x)) is a convolution
with other weights and a bias. Scaling a ResNet18's weights costs a step far less than passing over all its feature maps
a second time, forward and backward. Torch's own `fuse_conv_bn_eval` serves inference: no gradient passes through it.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torchvision.models import ResNet


class Folding:
    """Built once for an architecture, and called with each network of it whenever that network's weights have moved."""

    def __init__(self, network: ResNet) -> None:
        """A ResNet registers every batch norm next after its convolution: that is how they pair."""
        convolutions, norms = (
            [name for name, module in network.named_modules() if isinstance(module, kind)]
            for kind in (nn.Conv2d, nn.BatchNorm2d)
        )
        self.pairs = list(zip(convolutions, norms, strict=True))
        self.skeleton = copy.deepcopy(network).to("meta")
        for convolution, norm in self.pairs:
            bias = torch.empty_like(network.get_submodule(norm).bias, device="meta")
            self.skeleton.get_submodule(convolution).bias = nn.Parameter(bias)
            self.skeleton.set_submodule(norm, nn.Identity())

    def __call__(self, network: ResNet) -> Callable[[Tensor], Tensor]:
        """The forward pass of `network` in evaluation mode, up to rounding: (B, 3, H, W) -> (B, D). Gradients reach the
        weights of convolutions and norms alike."""
        weights: dict[str, Tensor] = {}
        for convolution, norm in self.pairs:
            conv, bn = network.get_submodule(convolution), network.get_submodule(norm)
            scale = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
            weights[f"{convolution}.weight"] = conv.weight * scale[:, None, None, None]
            weights[f"{convolution}.bias"] = bn.bias - bn.running_mean * scale

        def forward(x: Tensor) -> Tensor:
            embedding: Tensor = functional_call(self.skeleton, weights, (x,))
            return embedding

        return forward
