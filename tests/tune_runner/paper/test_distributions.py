"""The overlap of distributions whose overlap is known."""

import numpy as np
import pytest
from scipy.stats import norm

from tune_runner.paper import distributions
from tune_runner.paper.distributions import overlap


def two(normal, anomalous):
    return np.repeat([0, 1], [len(normal), len(anomalous)]).astype(np.int8), np.concatenate([normal, anomalous])


def gaussians(apart, count, seed=0):
    generator = np.random.default_rng(seed)
    return two(generator.normal(0, 1, count), generator.normal(apart, 1, count))


def test_disjoint_scores_do_not_overlap():
    found = overlap(*two(np.linspace(0, 1, 50), np.linspace(9, 10, 50)), seed=0)
    assert (found.value, found.interval) == (0, (0, 0))


def test_equal_scores_overlap_wholly():
    values = np.random.default_rng(0).normal(size=200)
    assert overlap(*two(values, values), seed=0).value == pytest.approx(1)
    assert overlap(*two(np.ones(4), np.ones(4)), seed=0).value == 1


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_two_gaussians_overlap_as_the_closed_form_says(apart):
    """2 Φ(-d / 2): the densities of N(0, 1) and N(d, 1) cross at d / 2."""
    found = overlap(*gaussians(apart, 4000), seed=0)
    assert found.value == pytest.approx(2 * norm.cdf(-apart / 2), abs=0.02)
    assert found.interval[0] - 0.01 < 2 * norm.cdf(-apart / 2) < found.interval[1] + 0.01
    assert found.value == pytest.approx(np.minimum(*found.shares).sum())  # what is drawn


def test_six_scores_by_hand():
    """Three of a class: log2(3) + 1, hence 3 bins, of width 0.99 * 6 / 3 or nearly; shares 2, 1, 0 and 0, 1, 2."""
    found = overlap(*two(np.array([0.0, 1, 3]), np.array([3.0, 5, 6])), seed=0)
    assert found.shares * 3 == pytest.approx(np.array([[2, 1, 0], [0, 1, 2]]))
    assert found.value == pytest.approx(1 / 3)


@pytest.mark.parametrize(("normal", "anomalous"), [(70, 10), (1000, 1000)])
def test_labels_that_mean_nothing_overlap_as_it_says(normal, anomalous):
    generator = np.random.default_rng(1)
    drawn = [overlap(*two(generator.normal(size=normal), generator.normal(size=anomalous)), seed=0) for _ in range(20)]
    assert np.mean([each.value for each in drawn]) == pytest.approx(np.mean([each.of_one for each in drawn]), abs=0.05)
    assert drawn[0].of_one < 1


def test_the_same_seed_gives_the_same_and_the_scale_does_not_matter():
    labels, scores = gaussians(1, 60)
    one, again, scaled = (
        overlap(labels, scores, seed=3),
        overlap(labels, scores, seed=3),
        overlap(labels, 8 * scores, seed=3),
    )
    assert (one.value, one.interval, one.of_one) == (again.value, again.interval, again.of_one)
    assert (one.value, one.interval) == (scaled.value, scaled.interval)


def test_the_picture_has_lettered_panels_of_one_size():
    panels = [distributions.Panel(name, overlap(*gaussians(1, 60), seed=0), 0.5) for name in ("one", "two", "three")]
    figure = distributions.draw(panels)
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(figure.axes) == 4
    assert [axes.get_title(loc="left").split("\n")[0] for axes in shown] == ["a) one", "b) two", "c) three"]
    assert "AUROC 50.0 %, overlap" in shown[0].get_title(loc="left")
    figure.canvas.draw()
    assert len({(round(axes.get_position().width, 2), round(axes.get_position().height, 2)) for axes in shown}) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["normal", "anomalous", "shared area"]
