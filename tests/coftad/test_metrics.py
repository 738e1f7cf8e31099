import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from coftad import metrics


def planted(n=80, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    labels = (np.arange(n) % 4 == 0).astype(np.int8)
    scores = generator.normal(size=n) + labels
    return labels, np.round(scores, 1) if ties else scores


def test_by_hand():
    found = metrics.evaluate(np.array([0, 0, 1, 1], np.int8), np.array([1.0, 3.0, 2.0, 4.0]))
    assert found.auroc == pytest.approx(3 / 4)  # of four pairs only (2.0, 3.0) is the wrong way round
    assert found.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found.f1_max == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))


def test_all_scores_equal_is_chance():
    assert metrics.evaluate(np.array([0, 1, 1], np.int8), np.zeros(3)).auroc == 0.5


@pytest.mark.parametrize("ties", [False, True])
def test_placements_are_those_of_a_loop_and_their_means_are_the_auroc(ties):
    labels, scores = planted(ties=ties)
    normal, anomalous = scores[labels == 0], scores[labels == 1]
    expected = [
        np.mean([(score > other) + 0.5 * (score == other) for other in normal])
        if label
        else np.mean([(other > score) + 0.5 * (other == score) for other in anomalous])
        for label, score in zip(labels, scores, strict=True)
    ]
    found = metrics.placements(labels, scores)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for label in (0, 1):
        assert found[labels == label].mean() == pytest.approx(roc_auc_score(labels, scores))


def test_the_spread_of_placements_says_how_surely_auroc_is_known():
    """DeLong's variance, as the mean over many draws, is the variance of AUROC over these draws."""
    aurocs, variances = [], []
    for seed in range(400):
        labels, scores = planted(n=80, seed=seed)
        found = metrics.placements(labels, scores)
        aurocs.append(roc_auc_score(labels, scores))
        variances.append(sum(found[labels == label].var(ddof=1) / (labels == label).sum() for label in (0, 1)))
    assert np.mean(variances) == pytest.approx(np.var(aurocs, ddof=1), rel=0.15)


@pytest.mark.parametrize("ties", [False, True])
def test_many_aurocs_at_once_are_those_one_by_one(ties):
    labels, _ = planted()
    scores = np.stack([planted(seed=seed, ties=ties)[1] for seed in range(10)])
    expected = [metrics.evaluate(labels, line).auroc for line in scores]
    np.testing.assert_allclose(metrics.aurocs(labels, scores), expected, rtol=1e-12)
    assert metrics.aurocs(labels, np.zeros((1, 80))).tolist() == [0.5]
    with pytest.raises(metrics.NonFiniteScores, match="1 of 800"):
        metrics.aurocs(labels, np.where(np.arange(800).reshape(10, 80) == 7, np.nan, scores))


def test_resamples_keep_the_classes():
    labels, _ = planted()
    counts = metrics.resample(labels, seed=1, resamples=50)
    assert (counts[:, labels == 1].sum(1) == 20).all()
    assert (counts[:, labels == 0].sum(1) == 60).all()


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(metrics.NonFiniteScores, match="1 of 2 scores are not finite"):
        metrics.evaluate(np.array([0, 1], np.int8), np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="both 0"):
        metrics.evaluate(np.array([1, 1], np.int8), np.array([0.0, 1.0]))
