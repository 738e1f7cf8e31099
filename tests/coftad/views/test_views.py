"""What each view does to pixels, where that can be known."""

import math

import pytest
import torch
from kornia.enhance import adjust_hue, adjust_saturation

from coftad.seeding import torch_generator
from coftad.views.negative import CutPaste, CutPasteScar, Void, paste
from coftad.views.positive import Affine, Blur, ColourJitter, Greyscale, uniform


def noise(count=16, size=64):
    return torch.rand(count, 3, size, size, generator=torch_generator(0, "noise"))


def test_an_affine_of_no_range_is_the_identity():
    still = Affine(degrees=0, shift=0, scale=(1, 1), shear=0)
    torch.testing.assert_close(still(noise(), torch_generator(0)), noise(), atol=1e-4, rtol=0)


def test_affine_moves_a_dot_by_what_it_drew():
    image = torch.zeros(1, 3, 65, 65)
    image[:, :, 32, 32] = 1  # the centre: rotation, scale and shear leave it in place
    moved = Affine(degrees=40, shift=0, scale=(0.8, 1.2), shear=10)(image, torch_generator(3))
    assert moved[0, 0].argmax() == 32 * 65 + 32


def test_blur_keeps_flat_images_and_calms_noise():
    blur = Blur(sigma=(1, 1), probability=1)
    flat = torch.full((2, 3, 64, 64), 0.3)
    torch.testing.assert_close(blur(flat, torch_generator(0)), flat)
    assert blur(noise(), torch_generator(0)).std() < 0.5 * noise().std()
    assert torch.equal(Blur(probability=0)(noise(), torch_generator(0)), noise())


def test_greyscale_has_equal_channels():
    grey = Greyscale(probability=1)(noise(), torch_generator(0))
    assert torch.equal(grey[:, 0], grey[:, 1])
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R BT.601
    torch.testing.assert_close(grey[:, 0], (noise() * weights).sum(1))


def test_jitter_of_no_range_is_the_identity():
    still = ColourJitter(brightness=0, contrast=0, saturation=0, hue=0)
    torch.testing.assert_close(still(noise(), torch_generator(0)), noise(), atol=1e-5, rtol=0)


def test_jitter_is_kornias_one_after_another():
    """Saturation and hue share one way to HSV and back."""
    jitter = ColourJitter(brightness=0, contrast=0, saturation=0.5, hue=0.1)
    got, draws = jitter(noise(), torch_generator(0)), torch_generator(0)
    for _ in range(2):  # brightness and contrast
        uniform(draws, noise(), 0, 0)
    saturated = adjust_saturation(noise(), uniform(draws, noise(), 0.5, 1.5))
    expected = adjust_hue(saturated, uniform(draws, noise(), -0.1, 0.1) * 2 * torch.pi)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_paste_copies_exactly_the_rectangle():
    x, patch = torch.zeros(1, 3, 32, 32), noise(1, 32)
    size = torch.tensor([[8 / 32, 4 / 32]])
    source, target = torch.tensor([[10 / 32, 20 / 32]]), torch.tensor([[24 / 32, 6 / 32]])
    expected = torch.zeros_like(x)
    expected[:, :, 4:8, 20:28] = patch[:, :, 18:22, 6:14]
    torch.testing.assert_close(paste(x, patch, size, source, target, torch.zeros(1)), expected, atol=1e-5, rtol=0)


def test_paste_turned_by_a_right_angle():
    x, patch = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    middle = torch.full((1, 2), 0.5)
    turned = paste(x, patch, torch.tensor([[16 / 32, 4 / 32]]), middle, middle, torch.tensor([math.pi / 2]))
    assert (turned[0, 0] > 0).any(1).sum() == 16  # tall where it was wide
    assert (turned[0, 0] > 0).any(0).sum() == 4


def test_cutpaste_changes_as_much_as_its_area_says():
    x = noise(64)
    changed = (CutPaste()(x, torch_generator(0)) != x).any(1).float().mean((1, 2))
    assert changed.min() > 0.015
    assert changed.max() < 0.17
    assert changed.max() > 2 * changed.min()


def test_a_scar_is_thin():
    x = noise(64)
    changed = (CutPasteScar()(x, torch_generator(0)) != x).any(1).float().mean((1, 2))
    assert changed.max() <= 16 / 256 * 25 / 256 * 1.6
    assert changed.min() > 0


def test_voids_are_round_bright_and_of_the_size_asked_for():
    dark = torch.full((32, 3, 128, 128), 0.2)
    one = Void(diameter=(0.2, 0.2), contrast=(0.5, 0.5), holes=1, spread=0.1)(dark, torch_generator(0))
    assert (one >= dark).all()
    hole = one[:, 0] > 0.2001
    area = math.pi * (0.2 * 128 / 2) ** 2
    assert hole.sum((1, 2)).tolist() == pytest.approx([area] * 32, rel=0.03)
    tall, wide = hole.any(2).sum(1), hole.any(1).sum(1)
    assert (tall - wide).abs().max() <= 1
    assert one.amax((1, 2, 3)).tolist() == pytest.approx([0.2 + 0.5 * 0.8] * 32, abs=0.01)  # half way to white


def test_void_draws_between_one_and_most_holes():
    dark = torch.zeros(200, 3, 64, 64)
    drawn = Void(diameter=(0.05, 0.05), holes=3, spread=0.4)(dark, torch_generator(0))
    area = (drawn[:, 0] > 0).sum((1, 2)).float() / (math.pi * 1.6**2)
    assert area.min() > 0.4
    assert 2.0 < area.quantile(0.9) < 4
