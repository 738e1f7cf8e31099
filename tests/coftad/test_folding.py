from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision.models import ResNet

from coftad.folding import Folding
from coftad.networks import Networks, backbone
from coftad.seeding import torch_generator
from coftad.types import Backbone, FineTuning

SMALL = FineTuning(projector_hidden=16, projector_out=8, predictor_hidden=16)
FROZEN = replace(SMALL, batch_norm="frozen")


def trained(name: Backbone) -> ResNet:
    """In evaluation mode, float64, with batch norms that have statistics and weights of their own."""
    generator = torch_generator(0)
    network = backbone(name, None, generator).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -1, 1),
                (module.running_var, 0.5, 2),
                (module.weight, 0.5, 1.5),
                (module.bias, -1, 1),
            ):
                tensor.data.uniform_(low, high, generator=generator)
    return network.eval()


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_folded_network_has_the_same_values_and_gradients(name):
    network = trained(name)
    x = torch.rand(2, 3, 32, 32, generator=torch_generator(1)).double()
    gradients = []
    for forward in (network, Folding(network)(network)):
        network.zero_grad()
        z = forward(x)
        z.square().mean().backward()
        gradients.append((z.detach(), {key: p.grad.clone() for key, p in network.named_parameters()}))
    torch.testing.assert_close(gradients[1], gradients[0])


def test_frozen_statistics_are_folded_and_batch_statistics_used():
    x = torch.rand(4, 3, 32, 32, generator=torch_generator(2))
    networks = Networks(FROZEN, None, torch_generator(0)).train()
    f, target_f = networks.backbones()
    torch.testing.assert_close(f(x), networks.f(x), rtol=1e-3, atol=1e-3)
    assert f(x).requires_grad
    assert not target_f(x).requires_grad
    batch = Networks(SMALL, None, torch_generator(0)).train()
    f, target_f = batch.backbones()
    assert f is batch.f
    assert not target_f(x).requires_grad


def test_folding_follows_the_weights():
    networks = Networks(FROZEN, None, torch_generator(0)).train()
    x = torch.rand(1, 3, 32, 32, generator=torch_generator(3))
    before = networks.backbones()[1](x)
    for p in networks.f.parameters():
        p.data.add_(0.01)
    networks.move_target(0.5)
    assert not torch.allclose(networks.backbones()[1](x), before)
