import copy
from dataclasses import replace

import pytest
import torch
from torchvision.models import resnet18

from coftad.networks import Networks, backbone, feature_size
from coftad.seeding import torch_generator
from coftad.types import FineTuning

SMALL = FineTuning(projector_hidden=16, projector_out=8, predictor_hidden=16)


@pytest.fixture
def networks():
    return Networks(SMALL, None, torch_generator(0))


@pytest.mark.parametrize(("name", "d"), [("resnet18", 512), ("resnet50", 2048)])
def test_embeddings_are_pooled_features(name, d):
    network = backbone(name, None, torch_generator(0))
    assert feature_size(network) == d
    assert network.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, d)


def test_given_weights_make_torchvisions_network():
    theirs = resnet18().eval()
    state = {key: value for key, value in theirs.state_dict().items() if not key.startswith("fc.")}
    ours = backbone("resnet18", state, torch_generator(0)).eval()
    theirs.fc = torch.nn.Identity()
    x = torch.rand(2, 3, 32, 32, generator=torch_generator(1))
    torch.testing.assert_close(ours(x), theirs(x))


def test_random_weights_come_from_the_generator_alone():
    state = torch.get_rng_state()
    one, same, other = (backbone("resnet18", None, torch_generator(seed)).conv1.weight for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)  # kaiming, fan out


def test_the_target_starts_equal_and_without_gradient(networks):
    for online, target in [(networks.f, networks.target_f), (networks.g, networks.target_g)]:
        for (name, a), b in zip(online.state_dict().items(), target.state_dict().values(), strict=True):
            assert torch.equal(a, b), name
        assert not any(p.requires_grad for p in target.parameters())
        assert all(p.requires_grad for p in online.parameters())


@pytest.mark.parametrize("beta", [0.0, 0.9, 1.0])
def test_the_target_follows_the_closed_form(networks, beta):
    start = [p.clone() for p in networks.target_f.parameters()]
    with torch.no_grad():
        for p in networks.f.parameters():
            p.add_(1)
    for _ in range(5):
        networks.move_target(beta)
    for old, online, target in zip(start, networks.f.parameters(), networks.target_f.parameters(), strict=True):
        torch.testing.assert_close(target, beta**5 * old + (1 - beta**5) * online)


@pytest.mark.parametrize(("batch_norm", "uses_batch"), [("train", True), ("frozen", False)])
def test_both_backbones_use_the_statistics_that_batch_norm_names(batch_norm, uses_batch):
    networks = Networks(replace(SMALL, batch_norm=batch_norm), None, torch_generator(0)).train()
    assert networks.g.training, "heads use the batch's in both modes"
    assert networks.target_g.training
    x = torch.rand(4, 3, 32, 32, generator=torch_generator(1))
    for embed, network in zip(networks.backbones(), (networks.f, networks.target_f), strict=True):
        before = copy.deepcopy(network)
        assert network.training is uses_batch
        assert network.bn1.weight.requires_grad is (network is networks.f)
        z = embed(x)
        assert torch.equal(network.bn1.running_mean, before.bn1.running_mean) is not uses_batch
        expected = before.train(uses_batch)(x)
        torch.testing.assert_close(z, expected, rtol=1e-3, atol=1e-3)
        company = embed(torch.cat([x, 1 - x]))[:4]
        assert torch.allclose(company, z, rtol=1e-3, atol=1e-3) is not uses_batch
