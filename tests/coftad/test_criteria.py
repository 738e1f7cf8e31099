"""Criteria without labels: against loops, at their known answers, and beside scores that they must not touch."""

import numpy as np
import pytest
import torch

from coftad import criteria, trial
from coftad.datasets.protocol import Protocol, episode
from coftad.devices import repeatable
from coftad.scorers import Fits
from coftad.seeding import derive
from coftad.types import FineTuning, Scoring
from tests.coftad.test_trial import CPU, SMALL, images

SCORINGS = (Scoring(n_a=1), Scoring(n_a=4), Scoring(n_a=4, scorer="knn", l2_norm=False))


def features(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(*scorings, shots=5, points=(0, 2), **settings):
    drawn = episode(images(), Protocol(shots=shots), seed=0, index=0)
    config = trial.TrialConfig(FineTuning(**SMALL, **settings), points=points, scorings=scorings or SCORINGS)
    with repeatable(1):
        return trial.run(config, drawn, None, device=CPU)


@pytest.fixture(scope="module")
def with_void():
    return run(negative_augmentation="void")


def test_separations_are_those_of_a_loop_over_pairs_of_one_fold():
    augmented, clean, copies = features(4, 7, 3), features(7, 3, seed=1), features(2, 7, 3, seed=2)
    folds = criteria.left_out(7, seed=0)
    assert [len(fold) for fold in folds] == [2, 2, 1, 1, 1]
    found = criteria.separations(SCORINGS, augmented, clean, {"used_negative": copies}, folds, seed=5)
    order = list(np.concatenate(folds))
    for row, scoring in enumerate(SCORINGS):
        wins = pairs = 0
        for fold in folds:
            kept = [image for image in range(7) if image not in fold]
            for one in fold:
                for other in fold:
                    for copy in copies:
                        pair = torch.stack([clean[order.index(one)], copy[order.index(other)]])
                        fits = Fits([scoring], augmented[:, kept], seed=derive(5, "scorer"))
                        [[normal, negative]] = fits.score(pair).tolist()
                        wins += (negative > normal) + 0.5 * (negative == normal)
                        pairs += 1
        assert found["used_negative"][row] == pytest.approx(wins / pairs)


def test_far_copies_are_told_apart_wholly_and_equal_ones_by_chance():
    augmented, clean = features(4, 6, 3), features(6, 3, seed=1)
    copies = {"unused_negative": clean[None] + 100.0, "used_negative": clean[None].clone()}
    scorings = [Scoring(n_a=4, l2_norm=False, scorer=scorer) for scorer in ("gaussian", "knn", "isolation_forest")]
    found = criteria.separations(scorings, augmented, clean, copies, criteria.left_out(6, seed=0), seed=0)
    assert found["unused_negative"].tolist() == [1, 1, 1]
    np.testing.assert_allclose(found["used_negative"], 0.5)


def test_compactness_is_one_of_a_point_and_nothing_of_opposites():
    point = features(1, 1, 5).expand(3, 4, 5)
    assert criteria.compactness(point) == pytest.approx(1)
    assert criteria.compactness(point * torch.tensor([1, 2, 3.0])[:, None, None]) == pytest.approx(1)
    assert criteria.compactness(torch.cat([point, -point])) == pytest.approx(0, abs=1e-12)
    z = features(3, 4, 5)
    unit = [each / each.norm() for each in z.flatten(0, 1)]
    centre = sum(unit) / sum(unit).norm()
    assert criteria.compactness(z) == pytest.approx(np.mean([float(each @ centre) for each in unit]))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"unused_negative": "cutpaste"}),
        ({"negative_augmentation": "void"}, {"unused_negative": "cutpaste", "used_negative": "void"}),
        ({"negative_augmentation": "cutpaste_3way"}, {"unused_negative": "void", "used_negative": "cutpaste_3way"}),
        ({"negative_augmentation": "cutpaste", "lambda_np": 0}, {"unused_negative": "cutpaste"}),
    ],
)
def test_the_negatives_measured_against(settings, expected):
    assert criteria.negatives(FineTuning(**settings)) == expected


@pytest.mark.parametrize("count", [2, 3, 5, 10, 50])
def test_every_fold_leaves_somebody_to_fit_on(count):
    folds = criteria.left_out(count, seed=1)
    drawn = np.concatenate(folds)
    assert len(set(drawn)) == len(drawn) == min(count, criteria.MOST_LEFT_OUT)
    assert len(folds) == min(count, criteria.FOLDS)
    assert max(map(len, folds)) < count


def test_a_trial_has_those_that_exist(with_void):
    without = run()
    for result, negatives in ((with_void, {"unused_negative", "used_negative"}), (without, {"unused_negative"})):
        for row in result.rows:
            assert set(row.criteria) == negatives | {"compactness"} | ({"loss"} if row.steps else set())
            assert all(np.isfinite(list(row.criteria.values())))
    assert with_void.rows[-1].criteria["loss"] == pytest.approx(np.mean(with_void.losses["all"]))
    # before any step the network is the same, and so are the images that it is measured with
    assert with_void.rows[0].criteria["unused_negative"] == without.rows[0].criteria["unused_negative"]


@pytest.mark.slow
def test_they_repeat(with_void):
    assert [row.criteria for row in run(negative_augmentation="void").rows] == [row.criteria for row in with_void.rows]


@pytest.mark.slow
def test_scores_are_what_they_are_without_criteria(monkeypatch, with_void):
    monkeypatch.setattr(criteria, "measure", lambda network, training, scorings, *_, **__: [{} for _ in scorings])
    without = run(negative_augmentation="void")
    assert without.rows[0].criteria == {}
    assert with_void.scores.tobytes() == without.scores.tobytes()
    assert [row.search for row in with_void.rows] == [row.search for row in without.rows]


@pytest.mark.parametrize("shots", [2, 3])
def test_a_scorer_that_cannot_be_fitted_in_folds_has_no_negatives(shots):
    costly = [Scoring(n_a=1, scorer=name) for name in ("isolation_forest", "deep_isolation_forest", "patchcore")]
    near = Scoring(n_a=1, scorer="knn")
    wide = Scoring(n_a=1, scorer="knn", neighbours=shots)  # as many as there are, and more than a fold keeps
    rows = run(*costly, near, wide, shots=shots, points=(0,)).rows
    assert ["unused_negative" in row.criteria for row in rows] == [False, False, False, True, False]
    assert all("compactness" in row.criteria for row in rows)
