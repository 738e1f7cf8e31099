"""Criteria without labels: against loops, at their known answers, and beside scores that they must not touch."""

from typing import get_args

import numpy as np
import pytest
import torch

from coftad import criteria, trial
from coftad.datasets.protocol import Protocol, episode
from coftad.devices import repeatable
from coftad.scorers import SCORERS, Fits, patchcore
from coftad.seeding import derive
from coftad.types import FineTuning, ScorerName, Scoring
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
    scorings = [Scoring(n_a=4, l2_norm=False, scorer=scorer) for scorer in SCORERS]
    found = criteria.separations(scorings, augmented, clean, copies, criteria.left_out(6, seed=0), seed=0)
    forest = list(SCORERS).index("deep_isolation_forest")  # its networks saturate: what is far looks like what is near
    assert np.delete(found["unused_negative"], forest).tolist() == [1, 1, 1]
    assert found["unused_negative"][forest] > 0.5
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
def test_every_scorer_that_can_be_fitted_in_folds_has_negatives(shots):
    others = [Scoring(n_a=1, scorer=name) for name in ("isolation_forest", "deep_isolation_forest", "patchcore")]
    near = Scoring(n_a=1, scorer="knn")
    wide = Scoring(n_a=1, scorer="knn", neighbours=shots)  # as many as there are, and more than a fold keeps
    rows = run(*others, near, wide, shots=shots, points=(0,)).rows
    assert ["unused_negative" in row.criteria for row in rows] == [True, True, True, True, False]
    assert all(0 <= row.criteria["unused_negative"] <= 1 for row in rows[:4])
    assert all("compactness" in row.criteria for row in rows)


def test_what_a_scorer_is_measured_beside_does_not_change_its_criteria(with_void):
    patched = (Scoring(n_a=2, scorer="patchcore"), Scoring(n_a=4, scorer="isolation_forest"))
    beside = run(*SCORINGS, *patched, negative_augmentation="void")
    alone = run(patched[0], Scoring(n_a=4), negative_augmentation="void")
    criteria = {(row.steps, row.scoring): row.criteria for row in beside.rows}
    for row in (*with_void.rows, *(row for row in alone.rows if row.scoring == patched[0])):
        assert criteria[row.steps, row.scoring] == row.criteria


def maps(count, seed, shift=0.0):
    """Of layer2 and layer3: (count, 3, 4, 4) and (count, 5, 2, 2)."""
    return [features(count, *shape, seed=seed + i).float() + shift for i, shape in enumerate([(3, 4, 4), (5, 2, 2)])]


class Patched:
    """Two views of seven images, and the seven again, in batches that break where no image set does."""

    def __init__(self):
        self.folds = criteria.left_out(7, seed=0)
        self.order = np.concatenate(self.folds).tolist()
        self.support = patchcore.patches(*maps(14, seed=1))
        gathering = patchcore.Gathering([1, 2], 7, seed=3)
        for part in self.support.split(5):
            gathering.add(part)
        self.banks = criteria.Banks(gathering, [1, 2], self.folds, seed=3)

    def scores(self, layer2, layer3):
        for two, three in zip(layer2.split(4), layer3.split(4), strict=True):
            self.banks.see(two, three)
        return self.banks.scores()


@pytest.mark.parametrize("n_a", [1, 2])
def test_patchcore_is_fitted_on_the_patches_of_the_images_that_a_fold_keeps(n_a):
    case = Patched()
    layer2, layer3 = maps(14, seed=9)  # two copies of each
    found = case.scores(layer2, layer3)[n_a]
    assert found.shape == (2, 7)
    patches = patchcore.patches(layer2, layer3)
    for fold in case.folds:
        kept = [view * 7 + image for view in range(n_a) for image in range(7) if image not in fold]
        bank = patchcore.bank(case.support[kept].flatten(0, 1), derive(3, "scorer"))
        for image in fold:
            place = case.order.index(image)
            for copy in (0, 1):
                [alone] = patchcore.score(bank, patches[[copy * 7 + place]])
                assert found[copy, place] == pytest.approx(float(alone), rel=1e-5)


def test_patchcore_tells_far_copies_apart_and_equal_ones_by_chance():
    case = Patched()
    clean = case.scores(*maps(7, seed=9))
    copies = {
        "unused_negative": case.scores(*maps(7, seed=9, shift=100)),
        "used_negative": case.scores(*maps(7, seed=9)),
    }
    found = criteria._apart(clean[2][None], {name: each[2][None] for name, each in copies.items()}, case.folds)
    assert found["unused_negative"].tolist() == [1]
    assert found["used_negative"].tolist() == [0.5]


def test_scores_within_a_fold_are_compared_and_not_across():
    folds = [np.array([0, 1]), np.array([2])]
    clean = torch.tensor([[[0.0, 2, 9]]])
    copies = torch.tensor([[[1.0, 3, 8], [1, -1, 10]]])
    found = criteria._apart(clean, {"used_negative": copies}, folds)
    # fold 1: 0 and 2 against 1, 3, 1, -1: 3 + 1 of 8; fold 2: 9 against 8, 10: 1 of 2; weights 4 and 1
    assert found["used_negative"] == pytest.approx([(4 * 4 / 8 + 1 / 2) / 5])


def test_costly_criteria_are_for_those_who_choose_by_them():
    scorings = [Scoring(n_a=1, scorer=name) for name in get_args(ScorerName)]
    drawn = episode(images(), Protocol(shots=2), seed=0, index=0)
    config = trial.TrialConfig(FineTuning(**SMALL), points=(0,), scorings=tuple(scorings))
    with repeatable(1):
        rows = trial.run(config, drawn, None, device=CPU, costly_criteria=False).rows
    assert {row.scoring.scorer for row in rows if "unused_negative" in row.criteria} == {"gaussian", "knn"}
