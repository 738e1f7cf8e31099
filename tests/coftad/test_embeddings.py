import numpy as np
import pytest
import torch

from coftad.embeddings import embed, embed_augmented, evaluating, normalise, to_float
from coftad.networks import backbone
from coftad.seeding import torch_generator
from coftad.views import POSITIVES

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (70, 3, 32, 32), dtype=np.uint8)


def network():
    return backbone("resnet18", None, torch_generator(0))


def test_embed_is_the_network_in_evaluation_mode_whatever_mode_it_is_in():
    net = network().train()
    net.layer1.eval()
    seen = embed(net, IMAGES, normalisation="imagenet", device=CPU)
    assert (net.training, net.layer1.training, net.layer2.training) == (True, False, True)
    expected = net.eval()(normalise(to_float(IMAGES, CPU), "imagenet"))
    assert seen.dtype == torch.float64
    assert not seen.requires_grad
    torch.testing.assert_close(seen, expected.detach().double(), rtol=1e-4, atol=1e-5)


def test_imagenet_normalisation():
    grey = normalise(torch.full((1, 3, 1, 1), 0.5), "imagenet").flatten().tolist()
    assert np.allclose(grey, [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225])
    assert normalise(torch.full((1, 3, 1, 1), 0.5), "none").unique().tolist() == [0.5]


def augmented(n_a, net):
    support = to_float(IMAGES[:5], CPU)
    return embed_augmented(
        net, support, POSITIVES["industrial"], n_a=n_a, normalisation="imagenet", generator=torch_generator(0)
    )


def test_smaller_n_a_are_nested_in_larger():
    net = network()
    many, few = augmented(30, net), augmented(4, net)
    assert many.shape == (30, 5, 512)
    torch.testing.assert_close(many[:4], few, rtol=1e-4, atol=1e-5)


def test_modes_come_back_after_an_error():
    net = network().train()
    with pytest.raises(KeyError), evaluating(net):
        raise KeyError
    assert net.training
