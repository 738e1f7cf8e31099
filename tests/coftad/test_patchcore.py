"""PatchCore against loops written from its equations, and what keeps its memory bounded."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from coftad.scorers import patchcore
from coftad.seeding import torch_generator


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_patch_is_the_mean_of_its_neighbours_in_both_layers():
    fine, coarse = draw(2, 3, 4, 6), draw(2, 5, 2, 3, seed=1)

    def neighbourhood(maps):
        padded = np.pad(maps.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
        _, _, height, width = maps.shape
        rows = [[padded[:, :, y : y + 3, x : x + 3].mean((2, 3)) for x in range(width)] for y in range(height)]
        return torch.from_numpy(np.array(rows)).permute(2, 3, 0, 1)

    found = patchcore.patches(fine, coarse)
    assert found.shape == (2, 24, 8)
    aligned = interpolate(neighbourhood(coarse), (4, 6), mode="bilinear", align_corners=False)
    for y in range(4):
        for x in range(6):
            expected = torch.cat([neighbourhood(fine)[:, :, y, x], aligned[:, :, y, x]], 1)
            torch.testing.assert_close(found[:, y * 6 + x], expected)


def by_the_equations(bank, image):
    """Eq. 6 and 7 of one image, in float64, with a loop over everything."""

    def distance(a, b):
        return float(np.sqrt(((a - b) ** 2).sum()))

    farthest = -1.0
    for patch in image:
        nearest = min(range(len(bank)), key=lambda j: distance(patch, bank[j]))
        if distance(patch, bank[nearest]) > farthest:
            farthest, test, star = distance(patch, bank[nearest]), patch, nearest
    near = sorted(range(len(bank)), key=lambda j: distance(bank[star], bank[j]))[: patchcore.NEIGHBOURS]
    weight = 1 - np.exp(farthest) / sum(np.exp(distance(test, bank[j])) for j in near)
    return weight * farthest


@pytest.mark.parametrize("rows", [7, 4096])
@pytest.mark.parametrize("size", [2, 40])
def test_scores_are_equations_6_and_7(monkeypatch, size, rows):
    monkeypatch.setattr(patchcore, "ROWS", rows)  # patches compared at once
    candidates, images = draw(size, 6), draw(5, 9, 6, seed=1) * 2
    found = patchcore.score(patchcore.bank(candidates, 0), images)
    expected = [by_the_equations(candidates.double().numpy(), image) for image in images.double().numpy()]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    assert found.dtype == torch.float64


def test_the_coreset_is_greedy_k_centre():
    z = draw(60, 10)
    generator = torch_generator(5, "coreset")
    projected = (z @ torch.empty(10, patchcore.PROJECTED).normal_(generator=generator)).double()
    expected = [int(torch.randperm(60, generator=generator)[0])]
    while len(expected) < 12:
        to_chosen = [min(float((each - projected[i]).norm()) for i in expected) for each in projected]
        expected.append(int(np.argmax(to_chosen)))
    assert patchcore.coreset(z, 12, 5).tolist() == expected


def test_a_coreset_has_somebody_from_everywhere_and_nobody_twice():
    centres = draw(7, 20, seed=1) * 10
    z = (centres[:, None] + draw(7, 50, 20) * 0.01).flatten(0, 1)
    assert sorted((patchcore.coreset(z, 7, 0) // 50).tolist()) == list(range(7))
    assert len(set(patchcore.coreset(torch.ones(30, 4), 20, 0).tolist())) == 20


def test_a_bank_is_all_candidates_or_a_coreset_of_them(monkeypatch):
    candidates = draw(50, 6)
    assert torch.equal(patchcore.bank(candidates, 0).patches, candidates)
    monkeypatch.setattr(patchcore, "BANK", 10)
    bank = patchcore.bank(candidates, 0)
    assert torch.equal(bank.patches, candidates[patchcore.coreset(candidates, 10, 0)])
    assert bank.neighbours[:, 0].tolist() == list(range(10))


def gathered(views, n_as, batch, seed=0):
    """views: (A, K, P, C)."""
    gathering = patchcore.Gathering(n_as, views.shape[1], seed)
    for part in views.flatten(0, 1).split(batch):
        gathering.add(part)
    return {n_a: gathering.candidates(n_a) for n_a in n_as}


def test_candidates_are_the_patches_of_the_first_views():
    views = draw(6, 3, 4, 2)
    found = gathered(views, (1, 4), batch=9)
    assert torch.equal(found[1], views[0].flatten(0, 1))
    assert torch.equal(found[4], views[:4].flatten(0, 2))


def test_of_many_candidates_a_bounded_number_is_drawn_whatever_else_is_asked(monkeypatch):
    monkeypatch.setattr(patchcore, "CANDIDATES", 30)
    views = torch.arange(6 * 3 * 4).float().reshape(6, 3, 4, 1)
    found = gathered(views, (1, 4, 6), batch=9)
    assert {n_a: len(each) for n_a, each in found.items()} == {1: 12, 4: 30, 6: 30}
    assert found[4].unique().numel() == 30
    assert found[4].max() < 4 * 12
    assert torch.equal(gathered(views, (4,), batch=3)[4], found[4])
    assert not torch.equal(gathered(views, (4,), batch=3, seed=1)[4], found[4])
