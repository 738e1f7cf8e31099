import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
import torch

from coftad import trial
from coftad.datasets.protocol import Protocol, episode
from coftad.detectors import CoftAD
from coftad.devices import repeatable
from coftad.metrics import evaluate
from coftad.types import BatchNorm, FineTuning, ImageSet, ScorerName, Scoring

CPU = torch.device("cpu")
SMALL = {"batch_size": 8, "projector_hidden": 16, "projector_out": 8, "predictor_hidden": 16, "learning_rate": 1e-4}


def images():
    """Noise, and for anomalies noise with a bright square: something that can be found."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(60, 120, (40, 3, 32, 32), dtype=np.uint8)
    pixels[30:, :, 8:20, 8:20] = 250
    labels = np.repeat([0, 1], [30, 10]).astype(np.int8)
    return ImageSet("planted", pixels, labels, tuple(f"{i}.png" for i in range(40)), "digest")


def config(**settings):
    return trial.TrialConfig(
        training=FineTuning(**{**SMALL, **settings}),
        points=(0, 1, 3),
        scorings=(Scoring(n_a=1), Scoring(n_a=4), Scoring(n_a=4, scorer="knn")),
    )


def run(**settings):
    with repeatable(1):
        return trial.run(config(**settings), episode(images(), Protocol(shots=5), seed=0, index=0), None, device=CPU)


def test_every_point_is_scored_under_every_scoring():
    result = run()
    one = episode(images(), Protocol(shots=5), seed=0, index=0)
    assert [(row.steps, row.scoring.n_a, row.scoring.scorer) for row in result.rows] == [
        (steps, n_a, scorer) for steps in (0, 1, 3) for n_a, scorer in ((1, "gaussian"), (4, "gaussian"), (4, "knn"))
    ]
    assert result.scores.shape == (9, len(one.scored_rows))
    assert {name: len(values) for name, values in result.losses.items()} == {"con": 3, "pp": 3, "np": 3, "all": 3}
    search = np.isin(result.image_rows, one.search_rows)
    labels = one.pool.labels[result.image_rows]
    for row, scores in zip(result.rows, result.scores, strict=True):
        assert row.search == evaluate(labels[search], scores[search])
    assert result.rows[1].search.auroc > 0.9  # a bright square is not hard


@pytest.mark.slow
def test_rows_are_measured_without_the_test_images():
    pool = images()
    one = episode(pool, Protocol(shots=5, holdout=0.5), seed=0, index=0)
    assert not one.shared
    flipped = ImageSet(pool.name, pool.images, pool.labels.copy(), pool.paths, pool.digest)
    flipped.labels[one.test_rows] = 1 - flipped.labels[one.test_rows]
    two = type(one)(flipped, one.index, one.seed, one.train_rows, one.search_rows, one.test_rows)
    results = [trial.run(config(), each, None, device=CPU) for each in (one, two)]
    assert [row.search for row in results[0].rows] == [row.search for row in results[1].rows]


SCRIPT = """
from tests.coftad.test_trial import run
import hashlib
print(hashlib.sha256(run(negative_augmentation="void").scores.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_bit_identical_after_anything_else_and_in_a_fresh_process(request):
    first = run(negative_augmentation="void")
    torch.rand(1000, 7).svd()
    run(backbone="resnet50", batch_norm="frozen")
    again = run(negative_augmentation="void")
    assert first.scores.tobytes() == again.scores.tobytes()
    import hashlib

    fresh = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=request.config.rootpath, capture_output=True, text=True, check=True
    )
    assert fresh.stdout.strip() == hashlib.sha256(first.scores.tobytes()).hexdigest()


@pytest.mark.slow
def test_the_detector_is_the_trial_with_one_row():
    one = episode(images(), Protocol(shots=5), seed=0, index=0)
    with repeatable(1):
        fitted = CoftAD(FineTuning(**SMALL), Scoring(n_a=4), steps=3, weights="random", device="cpu").fit(
            one.train, seed=one.seed, on_step=lambda *_: None
        )
        scores = fitted.score(one.pool.images[one.scored_rows])
    row = [(r.steps, r.scoring.n_a, r.scoring.scorer) for r in run().rows].index((3, 4, "gaussian"))
    np.testing.assert_array_equal(scores, run().scores[row])


@pytest.mark.parametrize("batch_norm", get_args(BatchNorm))
def test_a_score_does_not_depend_on_the_images_beside_it(batch_norm):
    pool = images().images
    with repeatable(1):
        fitted = CoftAD(FineTuning(**SMALL, batch_norm=batch_norm), Scoring(n_a=2), 2, "random", "cpu").fit(
            pool[:5], seed=0, on_step=lambda *_: None
        )
        together = fitted.score(pool[28:32])
        alone = [fitted.score(pool[i : i + 1]) for i in range(28, 32)]
    np.testing.assert_allclose(np.concatenate(alone), together, rtol=1e-4)
    assert together[2:].min() > 1.5 * together[:2].max(), "the two with a bright square"


@pytest.mark.slow
def test_the_detector_is_the_trial_with_every_scorer():
    one = episode(images(), Protocol(shots=5), seed=0, index=0)
    training, scorings = FineTuning(**SMALL), tuple(Scoring(n_a=2, scorer=name) for name in get_args(ScorerName))
    with repeatable(1):
        result = trial.run(trial.TrialConfig(training, (0,), scorings), one, None, device=CPU)
        for scoring, row in zip(scorings, result.scores, strict=True):
            detector = CoftAD(training, scoring, steps=0, weights="random", device="cpu")
            fitted = detector.fit(one.train, seed=one.seed, on_step=lambda *_: None)
            np.testing.assert_array_equal(fitted.score(one.pool.images[one.scored_rows]), row)


@pytest.mark.parametrize("bad", [{"lambda_pp": -1}, {"backbone": "resnet34"}, {"beta": 1.5}, {"unknown": 1}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        FineTuning(**bad)
