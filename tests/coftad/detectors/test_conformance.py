"""Every detector of the registry keeps the contract; a new one is checked by being listed there and in MADE."""

import hashlib
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from coftad import trial
from coftad.datasets.protocol import Protocol, episode
from coftad.detectors import DETECTORS, CoftAD, Detector
from coftad.devices import repeatable
from coftad.embeddings import to_float
from coftad.networks import backbone
from coftad.scoring import Scorers
from coftad.seeding import torch_generator
from coftad.types import FineTuning, ImageSet, Scoring

CPU = torch.device("cpu")
TRAINING = FineTuning(
    batch_size=8,
    projector_hidden=16,
    projector_out=8,
    predictor_hidden=16,
    learning_rate=1e-3,
    negative_augmentation="cutpaste",
)
SCORING = Scoring(n_a=2)
STEPS = 2
SEED = 11

MADE: dict[str, Callable[..., Detector]] = {
    "coftad": lambda steps=STEPS, weights="random": CoftAD(
        TRAINING, SCORING, steps=steps, weights=weights, device="cpu"
    ),
}
TRAJECTORIES = ["coftad"]  # those that have one


def images(count: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def fit(detector: Detector, seed: int = SEED):
    losses = []
    with repeatable(1):
        fitted = detector.fit(images()[:4], seed=seed, on_step=lambda step, terms: losses.append((step, terms)))
    return fitted, losses


def score(fitted, queries: np.ndarray) -> np.ndarray:
    with repeatable(1):
        return fitted.score(queries)


def digest(name: str) -> str:
    """Of the scores of a detector that is fitted here and now."""
    return hashlib.sha256(score(fit(MADE[name]())[0], images()[4:]).tobytes()).hexdigest()


def global_state() -> tuple[bytes, bytes]:
    return torch.get_rng_state().numpy().tobytes(), np.random.get_state()[1].tobytes()  # noqa: NPY002 - the question


@pytest.fixture(scope="module")
def fitted():
    return {name: fit(make())[0] for name, make in MADE.items()}


def test_every_detector_is_tried():
    assert MADE.keys() == DETECTORS.keys()
    assert len(MADE) >= 1
    assert set(TRAJECTORIES) <= MADE.keys()


@pytest.mark.parametrize("name", MADE)
def test_one_finite_score_an_image(name, fitted):
    scores = score(fitted[name], images()[4:])
    assert scores.shape == (5,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 5


@pytest.mark.parametrize("name", MADE)
def test_what_is_fitted_and_scored_is_left_as_it_was(name, fitted):
    train, queries = images()[:4], images()[4:]
    with repeatable(1):
        MADE[name]().fit(train, seed=SEED, on_step=lambda *_: None).score(queries)
    np.testing.assert_array_equal(train, images()[:4])
    np.testing.assert_array_equal(queries, images()[4:])


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_bits_repeat_after_other_work_and_in_a_fresh_process(name, fitted, request):
    expected = hashlib.sha256(score(fitted[name], images()[4:]).tobytes()).hexdigest()
    torch.rand(100, 7).svd()
    fit(MADE[name](), seed=SEED + 1)
    score(fitted[name], images(3, seed=5))
    assert hashlib.sha256(score(fitted[name], images()[4:]).tobytes()).hexdigest() == expected
    assert digest(name) == expected
    script = f"from tests.coftad.detectors.test_conformance import digest; print(digest({name!r}))"
    fresh = subprocess.run(
        [sys.executable, "-c", script], cwd=request.config.rootpath, capture_output=True, text=True, check=True
    )
    assert fresh.stdout.strip() == expected


@pytest.mark.parametrize("name", MADE)
def test_the_seed_decides(name, fitted):
    other, _ = fit(MADE[name](), seed=SEED + 1)
    assert not np.array_equal(score(other, images()[4:]), score(fitted[name], images()[4:]))


@pytest.mark.parametrize("name", MADE)
def test_the_global_random_state_is_neither_read_nor_set(name, fitted):
    expected = score(fitted[name], images()[4:])
    torch.rand(7)  # whatever stands there
    np.random.rand(7)  # noqa: NPY002 - that is the question
    before = global_state()
    again, _ = fit(MADE[name]())
    scores = score(again, images()[4:])
    assert global_state() == before
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("name", MADE)
def test_an_image_has_the_same_score_in_any_company(name, fitted):
    queries = images()[4:]
    together = score(fitted[name], queries)
    other_company = np.concatenate([queries[:1], 255 - images(4, seed=9)])
    assert score(fitted[name], other_company)[0] == together[0]
    # convolutions of another number of images may be summed in another order
    alone = [score(fitted[name], queries[place : place + 1])[0] for place in range(5)]
    np.testing.assert_allclose(alone, together, rtol=1e-5)
    assert np.ptp(together) > 1e-3 * together.max(), "images that differ by more than the tolerance"


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_a_longer_run_passes_through_every_shorter_one(name):
    longer, losses = fit(MADE[name](steps=3))
    shorter, first = fit(MADE[name](steps=1))
    assert [step for step, _ in losses] == [1, 2, 3]
    assert losses[:1] == first
    scores = [score(each, images()[4:]) for each in (longer, shorter)]
    assert not np.array_equal(*scores), "the steps change something"


def test_the_points_of_a_trial_are_the_runs_of_so_many_steps():
    labels = np.array([0] * 6 + [1] * 3, dtype=np.int8)
    pool = ImageSet("noise", images(), labels, tuple(map(str, range(9))), "digest")
    one = episode(pool, Protocol(shots=4, holdout=0), seed=0, index=0)
    with repeatable(1):
        config = trial.TrialConfig(TRAINING, (0, 1, 2), (SCORING,))
        result = trial.run(config, one, None, device=CPU)
        for row, steps in enumerate(config.points):
            fitted = MADE["coftad"](steps=steps).fit(one.train, seed=one.seed, on_step=lambda *_: None)
            np.testing.assert_array_equal(fitted.score(pool.images[result.image_rows]), result.scores[row])


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_step_0_is_the_pretrained_network(name, tmp_path):
    network = backbone("resnet18", None, torch_generator(3, "pretrained")).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    fitted, losses = fit(MADE[name](steps=0, weights=str(tmp_path / "weights.pt")))
    assert losses == []
    with repeatable(1):
        by_hand = Scorers(network, TRAINING, (SCORING,), to_float(images()[:4], CPU), seed=SEED)
        np.testing.assert_array_equal(fitted.score(images()[4:]), by_hand.score(images()[4:])[0].numpy())
