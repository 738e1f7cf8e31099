"""What every scorer is: repeatable, quiet, whole, and higher for the stranger. And no scorer is in another's way."""

from typing import get_args

import numpy as np
import pytest
import torch

from coftad.devices import repeatable
from coftad.embeddings import to_float
from coftad.networks import backbone
from coftad.scorers import SCORERS, patchcore
from coftad.scoring import Scorers
from coftad.seeding import torch_generator
from coftad.types import FineTuning, ScorerName, Scoring

CPU = torch.device("cpu")
TRAINING = FineTuning()
NAMES = get_args(ScorerName)
EVERY = tuple(Scoring(n_a=n_a, scorer=name) for name in NAMES for n_a in (1, 3))
QUERIES = 9


@pytest.fixture(scope="module")
def network():
    return backbone("resnet18", None, torch_generator(0))


@pytest.fixture(scope="module")
def images():
    """Twelve of dim noise, and a last one that is bright stripes."""
    pixels = np.random.default_rng(0).integers(60, 120, (13, 3, 32, 32), dtype=np.uint8)
    pixels[12] = 255 * (np.arange(32) // 4 % 2)
    return pixels


def score(network, images, *scorings, shots=4, seed=7):
    with repeatable(1):
        return Scorers(network, TRAINING, scorings, to_float(images[:shots], CPU), seed=seed).score(images[4:])


@pytest.fixture(scope="module")
def together(network, images):
    return score(network, images, *EVERY)


def test_every_name_has_a_scorer():
    assert set(NAMES) == {*SCORERS, "patchcore"}


@pytest.mark.parametrize("name", NAMES)
def test_a_scorer_ranks_the_stranger_last_and_repeats_without_touching_global_draws(network, images, together, name):
    torch.rand(7)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again = score(network, images, *(each for each in EVERY if each.scorer == name))
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert again.shape == (2, QUERIES)
    assert again.dtype == torch.float64
    assert torch.equal(again, together[[row for row, each in enumerate(EVERY) if each.scorer == name]])
    assert (again[1, :-1] < again[1, -1]).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_view_of_one_image_is_enough_for_finite_scores(network, images, name):
    assert score(network, images, Scoring(n_a=1, scorer=name), shots=1).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_the_same_score_in_any_company(network, images, together, name):
    row = EVERY.index(Scoring(n_a=3, scorer=name))
    with repeatable(1):
        scorers = Scorers(network, TRAINING, (EVERY[row],), to_float(images[:4], CPU), seed=7)
        torch.testing.assert_close(scorers.score(images[9:10])[0], together[row, 5:6], rtol=1e-3, atol=1e-6)


def test_what_is_fitted_serves_every_image_that_comes_later(network, images, together, monkeypatch):
    with repeatable(1):
        scorers = Scorers(network, TRAINING, EVERY, to_float(images[:4], CPU), seed=7)
        for name in SCORERS:
            monkeypatch.setitem(SCORERS, name, None)  # nothing can be fitted any more
        assert torch.equal(scorers.score(images[4:]), together)


def test_feature_maps_are_made_only_for_who_asks(network, images, together, monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(patchcore, "patches", never)
    pooled = [row for row, each in enumerate(EVERY) if each.scorer != "patchcore"]
    assert torch.equal(score(network, images, *(EVERY[row] for row in pooled)), together[pooled])
    assert not any(module._forward_hooks for module in network.modules())


def test_patchcore_does_not_read_l2_norm(network, images):
    one, other = score(network, images, *(Scoring(n_a=2, scorer="patchcore", l2_norm=flag) for flag in (True, False)))
    assert torch.equal(one, other)


def test_work_is_clocked_by_what_it_is(network, images):
    laps = []
    scorers = Scorers(
        network, TRAINING, (Scoring(scorer="patchcore"),), to_float(images[:2], CPU), seed=0, lap=laps.append
    )
    assert laps == ["embed", "score"]
    scorers.score(np.tile(images, (6, 1, 1, 1)))  # 78 images, two batches
    assert laps[2:] == ["embed", "score"] * 3
