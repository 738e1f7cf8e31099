"""Each loss against a loop written from its equation, a value computed by hand, and where the paper stops gradients."""

import math

import pytest
import torch

from coftad import losses


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / (
        math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    )


@pytest.fixture
def embeddings():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(6, 5, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))


def test_contrastive_is_equation_1(embeddings):
    online, target = embeddings
    naive = -sum(cosine(o, t) for o, t in zip(online.tolist(), target.tolist(), strict=True)) / 6
    assert losses.contrastive(online, target).item() == pytest.approx(naive, abs=1e-12)


def test_contrastive_by_hand():
    online = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    target = torch.tensor([[4.0, 3.0], [0.0, 2.0]])
    assert losses.contrastive(online, target).item() == pytest.approx(-(24 / 25 + 0) / 2)


def test_cross_instance_is_equation_4(embeddings):
    online, target = embeddings
    p = [3, 0, 5, 1, 2, 4]
    z, zt = online.tolist(), target.tolist()
    naive = -sum(cosine(z[i], zt[j]) + cosine(z[j], zt[i]) for i, j in enumerate(p)) / (2 * 6)
    assert losses.cross_instance(online, target, torch.tensor(p)).item() == pytest.approx(naive, abs=1e-12)


def test_cross_instance_by_hand():
    online = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    target = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    # pairs (0, 1) and (1, 0), each counted in both directions: cosines 1, 1/sqrt(2)
    expected = -(1 + 1 / math.sqrt(2) + 1 / math.sqrt(2) + 1) / 4
    assert losses.cross_instance(online, target, torch.tensor([1, 0])).item() == pytest.approx(expected)


def test_cross_instance_with_the_identity_is_the_plain_cosine(embeddings):
    online, target = embeddings
    same = losses.cross_instance(online, target, torch.arange(6))
    assert same.item() == pytest.approx(losses.contrastive(online, target).item())


def test_negative_pair_is_equation_5(embeddings):
    online, target = embeddings
    naive = sum(cosine(o, t) for o, t in zip(online.tolist(), target.tolist(), strict=True)) / 6
    assert losses.negative_pair(online, target).item() == pytest.approx(naive, abs=1e-12)


def test_fixed_centre(embeddings):
    online, _ = embeddings
    centre = losses.centre(online)
    unit = [[x / math.sqrt(sum(v * v for v in row)) for x in row] for row in online.tolist()]
    assert centre.tolist() == pytest.approx([sum(column) / 6 for column in zip(*unit, strict=True)])
    naive = -sum(cosine(row, centre.tolist()) for row in online.tolist()) / 6
    assert losses.fixed_centre(online, centre).item() == pytest.approx(naive)


def test_total_is_equation_6():
    con, pp, np = torch.tensor(-0.5), torch.tensor(-0.25), torch.tensor(0.75)
    assert losses.total(con, pp, np, lambda_pp=0.8, lambda_np=0.6).item() == pytest.approx(-0.5 - 0.2 + 0.45)


@pytest.mark.parametrize(
    "loss",
    [
        losses.contrastive,
        lambda online, target: losses.cross_instance(online, target, torch.tensor([3, 0, 5, 1, 2, 4])),
        losses.negative_pair,
        lambda online, target: losses.fixed_centre(online, target.mean(0)),
    ],
    ids=["eq1", "eq4", "eq5", "fixed_centre"],
)
def test_no_gradient_reaches_the_target(loss, embeddings):
    online, target = embeddings
    loss(online, target).backward()
    assert target.grad is None
    assert online.grad is not None
    assert online.grad.abs().sum() > 0
    # a cosine does not change along its argument: its gradient is orthogonal to it
    assert (online.grad * online).sum(1).abs().max() < 1e-12


def test_losses_do_not_depend_on_the_length_of_embeddings(embeddings):
    online, target = embeddings
    p = torch.tensor([3, 0, 5, 1, 2, 4])
    assert torch.allclose(losses.cross_instance(online * 7, target * 3, p), losses.cross_instance(online, target, p))
