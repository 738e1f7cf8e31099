"""Paths and deviations against a walk by hand; scores at known answers; what the published code does not promise."""

import numpy as np
import pytest
import torch

from coftad.scorers import deep_isolation_forest as forest


def draw(n, d, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)))


def test_paths_are_those_of_a_walk_from_root_to_leaf():
    seeds = np.random.default_rng(0)
    grown, z = (draw(n, 4, seed=n).float().numpy() for n in (200, 30))
    tree = forest._tree(grown, seeds)
    lengths, deviations = forest._isolate(tree, z)
    nodes = tree.tree_
    assert nodes.max_depth <= 8  # log2 of 200, rounded up
    for row, length, deviation in zip(z, lengths, deviations, strict=True):
        node, distances = 0, []
        while nodes.children_left[node] >= 0:
            distance = float(row[nodes.feature[node]]) - nodes.threshold[node]
            distances.append(abs(distance))
            node = nodes.children_left[node] if distance <= 0 else nodes.children_right[node]
        left = nodes.n_node_samples[node]
        rest = [0, 0, 1][left] if left < 3 else 2 * (np.log(left - 1) + np.euler_gamma) - 2 * (left - 1) / left
        np.testing.assert_allclose(length, len(distances) + rest)
        np.testing.assert_allclose(deviation, np.mean(distances))


def test_two_points_are_cut_once_somewhere_between_them():
    z = np.array([[0.0], [1.0], [5.0], [-3.0]], np.float32)
    zero, one, five, less = forest._deviation_enhanced(forest._grow(z[:2], np.random.default_rng(0)), z)
    # every path has one cut t, and an average point of two is isolated by one: scores are |z - t| / 2
    np.testing.assert_allclose([zero + one, five - one, less - zero], [0.5, 2, 1.5])
    assert 0 < zero < 0.5


def test_an_image_has_the_same_score_in_any_company(monkeypatch):
    monkeypatch.setattr(forest, "REPRESENTATIONS", 5)  # for time
    support, z = draw(20, 16), draw(12, 16, seed=1)
    together = forest.fit(support, 3)(z)
    torch.testing.assert_close(forest.fit(support, 3)(z[4:5]), together[4:5])
    torch.testing.assert_close(forest.fit(support, 3)(torch.cat([z, z + 100]))[:12], together)


def test_what_is_not_finite_is_not_scored():
    support, z = draw(6, 5), draw(4, 5, seed=1)
    z[2, 3] = torch.nan
    assert forest.fit(support, 0)(z).isnan().tolist() == [False, False, True, False]
    support[0, 0] = torch.inf
    with pytest.raises(ValueError, match="infinity"):
        forest.fit(support, 0)(z)


def test_points_that_coincide_isolate_nothing():
    assert forest.fit(torch.ones(3, 5), 0)(draw(4, 5)).tolist() == [0, 0, 0, 0]
