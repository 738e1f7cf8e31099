import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

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
def test_the_weighted_metrics_are_scikit_learns_on_copied_images(ties):
    labels, scores = planted(ties=ties)
    counts = metrics.resample(labels, seed=1, resamples=20)
    average, precision, recall = metrics._weighted_precision_recall(labels, scores, counts)
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max(1)
    for index, count in enumerate(counts.astype(int)):
        copied_labels, copied_scores = np.repeat(labels, count), np.repeat(scores, count)
        assert metrics.weighted_auroc(labels, scores, counts)[index] == pytest.approx(
            roc_auc_score(copied_labels, copied_scores)
        )
        assert average[index] == pytest.approx(average_precision_score(copied_labels, copied_scores))
        p, r, _ = precision_recall_curve(copied_labels, copied_scores)
        assert f1[index] == pytest.approx((2 * p * r / np.maximum(p + r, 1e-12)).max())


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


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    # scores N(0,1) and N(1,1): the true AUROC is Phi(1 / sqrt 2)
    truth = 0.7602499389065233
    inside = 0
    for seed in range(200):
        labels, scores = planted(n=120, seed=seed)
        low, high = metrics.bootstrap_interval(labels, scores, seed=seed, resamples=300)["auroc"]
        inside += low <= truth <= high
    assert 178 <= inside <= 199  # 95 % of 200, and three standard errors either way


def test_intervals_hold_the_point_estimate():
    labels, scores = planted()
    point = metrics.evaluate(labels, scores)
    for name, (low, high) in metrics.bootstrap_interval(labels, scores, seed=0).items():
        assert low < getattr(point, name) < high or name != "auroc"
        assert 0 <= low < high <= 1


def test_the_interval_over_episodes_grows_with_their_spread():
    labels, scores = planted(n=400)
    _, worse = planted(n=400, seed=5)
    worse = worse - 0.8 * labels
    alike = metrics.interval(metrics.auroc_over_episodes([labels] * 3, [scores] * 3, seed=0))
    spread = metrics.interval(metrics.auroc_over_episodes([labels] * 3, [scores, worse, scores], seed=0))
    assert spread[1] - spread[0] > 1.5 * (alike[1] - alike[0])


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(metrics.NonFiniteScores, match="1 of 2 scores are not finite"):
        metrics.evaluate(np.array([0, 1], np.int8), np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="both 0"):
        metrics.evaluate(np.array([1, 1], np.int8), np.array([0.0, 1.0]))
