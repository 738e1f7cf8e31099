"""Every view of both registries keeps the contract; a new one is checked by being listed there."""

from typing import get_args

import numpy as np
import pytest
import torch

from coftad.seeding import torch_generator
from coftad.types import NegativeView, PositiveView
from coftad.views import NEGATIVES, POSITIVES

VIEWS = {**POSITIVES, **{name: view for name, view in NEGATIVES.items() if view is not None}}


@pytest.fixture
def images():
    """The same textured image eight times, so that whatever differs is the view's draw."""
    one = torch.rand(3, 40, 40, generator=torch_generator(0, "image"))
    return one.expand(8, 3, 40, 40).contiguous()


def test_the_names_a_user_may_write_are_those_registered():
    assert set(POSITIVES) == set(get_args(PositiveView))
    assert set(NEGATIVES) == set(get_args(NegativeView))
    assert NEGATIVES["none"] is None


@pytest.mark.parametrize("name", VIEWS)
def test_shape_range_and_a_draw_of_its_own_for_every_image(name, images):
    before = images.clone()
    seen = VIEWS[name](images, torch_generator(1))
    assert seen.shape == images.shape
    assert seen.dtype == torch.float32
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert torch.equal(images, before), "the input was changed"
    distinct = {row.numpy().tobytes() for row in seen}
    assert len(distinct) == len(images)


@pytest.mark.parametrize("name", VIEWS)
def test_the_generator_alone_decides(name, images):
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - that is the question
    one = VIEWS[name](images, torch_generator(1))
    assert torch.equal(one, VIEWS[name](images, torch_generator(1)))
    assert not torch.equal(one, VIEWS[name](images, torch_generator(2)))
    generator = torch_generator(1)
    VIEWS[name](images, generator)
    assert not torch.equal(one, VIEWS[name](images, generator)), "the second draw repeats the first"
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("size", [8, 33, 96])
def test_any_image_size_and_a_single_image(name, size):
    image = torch.rand(1, 3, size, size, generator=torch_generator(0))
    assert VIEWS[name](image, torch_generator(1)).shape == image.shape
