"""Eq. 7 and 8 against the textbook formula, in both regimes of n and d; nested n_a; the other scorers by hand."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest

from coftad import scorers
from coftad.scorers import deep_isolation_forest, gaussian, isolation_forest, knn
from coftad.types import InputError, Scoring


def textbook(support, z, epsilon):
    """Eq. 7-8 with the covariance formed and inverted."""
    mean = support.mean(0)
    sigma = (support - mean).T @ (support - mean) / len(support)
    sigma += epsilon * np.trace(sigma) / sigma.shape[0] * np.eye(sigma.shape[0])
    delta = z - mean
    return np.sqrt(np.einsum("nd,de,ne->n", delta, np.linalg.inv(sigma), delta))


def draw(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(0.01, 3, d)


@pytest.mark.parametrize(("n", "d"), [(5, 40), (39, 40), (40, 40), (41, 40), (300, 40), (2, 512), (1, 7)])
@pytest.mark.parametrize("epsilon", [1e-5, 1e-2, 1.0])
def test_mahalanobis_is_equation_8_in_every_regime(n, d, epsilon):
    support, z = draw(n, d), draw(20, d, seed=1)
    found = gaussian.mahalanobis(torch.from_numpy(z), gaussian.moments(torch.from_numpy(support)), epsilon).numpy()
    if n == 1:  # no variance: Euclidean
        np.testing.assert_allclose(found, np.linalg.norm(z - support, axis=1))
    else:
        np.testing.assert_allclose(found, textbook(support, z, epsilon), rtol=1e-8)


def test_mahalanobis_by_hand():
    # variances 4 and 1 (maximum likelihood), mean variance 2.5, so the ridge of epsilon 0.4 is exactly 1
    support = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]) * 2**0.5
    fitted = gaussian.moments(support)
    assert fitted.mean_variance == pytest.approx(2.5)
    distance = gaussian.mahalanobis(torch.tensor([[3.0, 4.0]]), fitted, 0.4)
    assert distance.item() == pytest.approx((9 / 5 + 16 / 2) ** 0.5)


def test_mahalanobis_does_not_change_under_scale_shift_and_rotation():
    support, z = torch.from_numpy(draw(12, 30)), torch.from_numpy(draw(9, 30, seed=1))
    rotation = torch.linalg.qr(torch.from_numpy(draw(30, 30, seed=2))).Q
    before = gaussian.mahalanobis(z, gaussian.moments(support), 0.01)
    moved = gaussian.moments(support @ rotation * 1e-3 + 5)
    torch.testing.assert_close(gaussian.mahalanobis(z @ rotation * 1e-3 + 5, moved, 0.01), before, rtol=1e-6, atol=0)


def test_knn_by_hand():
    support = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert knn.score(support, torch.tensor([[0.0, 0.0]]), 1).tolist() == [0.0]
    assert knn.score(support, torch.tensor([[0.0, 0.0]]), 3).tolist() == pytest.approx([(0 + 1 + 5) / 3])
    with pytest.raises(InputError, match=r"neighbours: 4 .* 3 support features"):
        knn.score(support, support, 4)


def test_isolation_forest_is_scikit_learns_and_seeded():
    support, z = torch.from_numpy(draw(50, 4)), torch.from_numpy(draw(10, 4, seed=1) * 3)
    expected = -IsolationForest(random_state=7).fit(support.numpy()).score_samples(z.numpy())
    assert isolation_forest.fit(support, 7)(z).tolist() == expected.tolist()


@pytest.mark.slow
def test_one_pass_scores_the_same_as_each_value_alone(monkeypatch):
    monkeypatch.setattr(deep_isolation_forest, "REPRESENTATIONS", 3)  # for time
    support = torch.from_numpy(draw(6 * 4, 16)).unflatten(0, (6, 4))
    z = torch.from_numpy(draw(11, 16, seed=1))
    scorings = [
        Scoring(n_a=n_a, l2_norm=l2, epsilon=epsilon, scorer=scorer)
        for n_a in (1, 3, 6)
        for l2 in (True, False)
        for scorer in scorers.SCORERS
        for epsilon in ((1e-3, 1e-1) if scorer == "gaussian" else (1e-2,))
    ]
    together = scorers.Fits(scorings, support, seed=3).score(z)
    for row, scoring in zip(together, scorings, strict=True):
        assert torch.equal(row, scorers.Fits([scoring], support[: scoring.n_a], seed=3).score(z)[0])


def test_l2_norm_makes_scores_blind_to_length():
    support = torch.from_numpy(draw(24, 16)).unflatten(0, (6, 4))
    z = torch.from_numpy(draw(11, 16, seed=1))
    with_norm, without = Scoring(n_a=6), Scoring(n_a=6, l2_norm=False)
    one, two = (scorers.Fits([with_norm, without], support, seed=0).score(z * scale) for scale in (1, 10))
    torch.testing.assert_close(one[0], two[0])
    assert not torch.allclose(one[1], two[1])


@pytest.mark.parametrize("name", list(scorers.SCORERS))
def test_every_scorer_ranks_a_far_point_above_the_support(name):
    support = torch.from_numpy(draw(40, 8)).unflatten(0, (10, 4))
    z = torch.cat([support[0], support.flatten(0, 1).mean(0, keepdim=True) + 50])
    [scores] = scorers.Fits([Scoring(n_a=10, scorer=name, l2_norm=False)], support, seed=0).score(z)
    assert scores.shape == (5,)
    assert scores[-1] > scores[:-1].max()
