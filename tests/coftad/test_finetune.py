"""The gradient loop against the same step composed naively, and what it must not do twice."""

import copy
from typing import get_args

import numpy as np
import pytest
import torch

from coftad.embeddings import normalise
from coftad.finetune import NonFiniteLoss, Trainer, draw_batch, finetune
from coftad.seeding import torch_generator
from coftad.types import BatchNorm, FineTuning
from coftad.views import NEGATIVES, POSITIVES

CPU = torch.device("cpu")
SMALL = {"batch_size": 8, "projector_hidden": 16, "projector_out": 8, "predictor_hidden": 16}


@pytest.fixture
def support():
    return np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)


def trainer(support, **settings):
    return Trainer(support, FineTuning(**{**SMALL, **settings}), None, seed=3, device=CPU)


def cosine(a, b):
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))


def naive_losses(before, support, config):
    """Eq. 1, 4, 5, 6 with a forward pass of its own for every embedding that an equation names."""
    net = copy.deepcopy(before.networks).train()
    positive, negative = POSITIVES[config.positive_augmentation], NEGATIVES[config.negative_augmentation]
    batches, views, negatives = (torch_generator(3, name) for name in ("batches", "positive", "negative"))
    rows = draw_batch(len(support), config.batch_size, batches)
    p = torch.randperm(config.batch_size, generator=batches)
    x = (torch.from_numpy(support).float() / 255)[rows]
    one, two = positive(x, views), positive(x, views)

    def f(images):
        return net.f(normalise(images, config.normalisation))

    def target(images):
        with torch.no_grad():
            return net.target_f(normalise(images, config.normalisation))

    con = -cosine(net.q(net.g(f(one))), net.target_g(target(two)).detach()).mean()
    pp = -(cosine(f(one), target(two)[p]) + cosine(f(one)[p], target(two))).sum() / (2 * config.batch_size)
    np_ = torch.zeros(())
    if negative is not None:
        clean = target(torch.from_numpy(support).float() / 255)  # each once: statistics of the batch depend on it
        np_ = cosine(clean[rows], f(negative(x, negatives))).mean()
    return {"con": con, "pp": pp, "np": np_, "all": con + config.lambda_pp * pp + config.lambda_np * np_}


@pytest.mark.parametrize("batch_norm", get_args(BatchNorm))
@pytest.mark.parametrize("negative", ["none", "cutpaste", "void"])
def test_one_step_is_the_equations(support, negative, batch_norm):
    ours = trainer(support, negative_augmentation=negative, batch_norm=batch_norm)
    expected = naive_losses(ours, support, ours.config)
    found = ours.step()
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), abs=2e-5), name


def test_gradients_reach_online_networks_only(support):
    ours = trainer(support, negative_augmentation="void")
    ours.step()
    assert all(p.grad is not None for p in ours.networks.trained_parameters())
    for target in (ours.networks.target_f, ours.networks.target_g):
        assert all(p.grad is None for p in target.parameters())


def batches_embedded(ours, monkeypatch):
    """{"online": sizes, "target": sizes} of the batches that one step embeds."""
    sizes = {"online": [], "target": []}

    def counted(name, backbone):
        def embed(x):
            sizes[name].append(len(x))
            return backbone(x)

        return embed

    backbones = ours.networks.backbones
    monkeypatch.setattr(
        ours.networks, "backbones", lambda: tuple(map(counted, ("online", "target"), backbones())), raising=True
    )
    ours.step()
    return sizes


def test_the_clean_target_is_computed_once_for_each_support_image(support, monkeypatch):
    ours = trainer(support, negative_augmentation="void", batch_size=16)
    assert batches_embedded(ours, monkeypatch) == {"online": [16, 16], "target": [16, 5]}


@pytest.mark.parametrize("settings", [{"negative_augmentation": "none"}, {"lambda_np": 0}])
def test_nothing_negative_is_computed_without_need(support, settings, monkeypatch):
    ours = trainer(support, **{"negative_augmentation": "void", "batch_size": 16, **settings})
    assert batches_embedded(ours, monkeypatch) == {"online": [16], "target": [16]}


@pytest.mark.slow
def test_symmetric_adds_the_other_way(support):
    one = trainer(support).step()["con"]
    both = trainer(support, symmetric=True).step()["con"]
    assert -2 <= both < one  # two terms, each at least -1


def test_fixed_centre_replaces_the_pairs(support):
    ours = trainer(support, positive_pair="fixed_centre", contrastive=False, learning_rate=1e-5)
    assert ours.centre.shape == (512,)
    centre = ours.centre.clone()
    first = ours.step()["pp"]
    for _ in range(5):
        last = ours.step()["pp"]
    assert last < first  # it is what is minimised
    assert torch.equal(ours.centre, centre)


def test_batches_are_balanced():
    rows = draw_batch(5, 64, torch_generator(0))
    counts = torch.bincount(rows, minlength=5)
    assert len(rows) == 64
    assert counts.max() - counts.min() <= 1
    assert len(set(draw_batch(100, 64, torch_generator(0)).tolist())) == 64


def run(support, points, **settings):
    seen = {}
    losses = []
    config = FineTuning(**{**SMALL, **settings})
    walk = finetune(
        support,
        config,
        None,
        points=points,
        seed=0,
        device=CPU,
        on_step=lambda step, terms: losses.append((step, terms)),
    )
    for steps, network in walk:
        seen[steps] = network.conv1.weight.detach().clone()
    return seen, losses


@pytest.mark.slow
def test_a_long_run_passes_through_the_short_ones(support):
    long, losses = run(support, (0, 2, 4))
    short, _ = run(support, (2,))
    assert torch.equal(long[2], short[2])
    assert not torch.equal(long[2], long[4])
    assert [step for step, _ in losses] == [1, 2, 3, 4]
    assert list(run(support, (4, 0, 2, 2))[0]) == [0, 2, 4]


@pytest.mark.slow
def test_the_loss_falls(support):
    _, losses = run(support, (12,), negative_augmentation="void", learning_rate=1e-4)
    assert losses[-1][1]["all"] < losses[0][1]["all"]


def test_an_exploding_run_ends_as_non_finite(support):
    with pytest.raises(NonFiniteLoss, match="step "):
        run(support, (30,), learning_rate=1.0, batch_norm="frozen")  # batch statistics rein it in


def statistics(network):
    return {name: buffer.clone() for name, buffer in network.named_buffers() if "running_" in name}


@pytest.mark.parametrize(("batch_norm", "moves"), [("train", True), ("frozen", False)])
def test_statistics_move_in_training_or_stay_to_the_bit(support, batch_norm, moves):
    ours = trainer(support, negative_augmentation="void", batch_norm=batch_norm)
    before = [statistics(network) for network in (ours.networks.f, ours.networks.target_f)]
    for _ in range(2):
        ours.step()
    for network, kept in zip((ours.networks.f, ours.networks.target_f), before, strict=True):
        now = statistics(network)
        assert len(now) == 40  # mean and variance of the 20 norms of a ResNet18
        assert [torch.equal(value, now[name]) for name, value in kept.items()] == [not moves] * len(kept)
