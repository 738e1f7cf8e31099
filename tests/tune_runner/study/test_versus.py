"""Claims of "better" over many made-up sweeps: they are made no more often than their level says."""

from types import SimpleNamespace

import numpy as np
import pytest

from tune_runner.study.versus import Side, Versus, corrected, versus


def sides(monkeypatch, first, second, labels):
    """Two configurations with these scores, (E, S) each, on episodes that share their images."""
    scores = {0: first, 1: second}

    def read(prepared, records, episodes, row, split):
        return [labels for _ in episodes], [scores[row][record.episode] for record in episodes]

    monkeypatch.setattr("tune_runner.study.scored.labels_and_scores", read)
    episodes = [SimpleNamespace(episode=index) for index in range(len(first))]
    return Side("one", episodes, 0), Side("other", episodes, 1)


def compare(monkeypatch, first, second, labels, seed=0):
    prepared = SimpleNamespace(spec=SimpleNamespace(seed=seed))
    return versus(prepared, None, *sides(monkeypatch, first, second, labels))


LABELS = np.repeat([0, 1], [60, 30]).astype(np.int8)


def claims(monkeypatch, seeds, strengths):
    """Of how many made-up sweeps it is claimed that two configurations, which see anomalies so strongly, differ."""
    found = 0
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        hard = generator.normal(size=90)
        first, second = (each * LABELS + hard + generator.normal(0, 0.5, (4, 90)) for each in strengths)
        found += compare(monkeypatch, first, second, LABELS, seed).shown
    return found


def test_equal_scores_are_no_difference(monkeypatch):
    scores = np.random.default_rng(0).normal(size=(3, 90)) + LABELS
    found = compare(monkeypatch, scores, scores, LABELS)
    assert (found.difference, found.interval, found.better_in, found.of, found.p) == (0.0, (0.0, 0.0), 0, 3, 1.0)


def test_a_difference_is_the_mean_of_those_of_each_episode(monkeypatch):
    perfect, worst = LABELS.astype(float), -LABELS.astype(float)
    found = compare(monkeypatch, np.stack([perfect, worst]), np.stack([worst, worst]), LABELS)
    assert (found.auroc, found.other_auroc, found.difference, found.better_in, found.of) == (0.5, 0.0, 0.5, 1, 2)


def test_one_episode_gives_no_p_value(monkeypatch):
    scores = np.random.default_rng(0).normal(size=(1, 90)) + LABELS
    assert compare(monkeypatch, scores, -scores, LABELS).p is None


def test_only_episodes_that_both_have_finished_are_compared(monkeypatch):
    scores = np.stack([LABELS, LABELS, -LABELS]).astype(float)
    one, other = sides(monkeypatch, scores, scores, LABELS)
    cut = Side("other", other.episodes[:2], 1)
    found = versus(SimpleNamespace(spec=SimpleNamespace(seed=0)), None, one, cut)
    assert (found.of, found.auroc) == (2, 1.0)


@pytest.mark.slow
def test_claims_about_equal_configurations_are_made_no_more_often_than_their_level(monkeypatch):
    """Both are the same but for noise of the network and of the images; images and episodes are few, as in a sweep."""
    assert claims(monkeypatch, 100, (0.8, 0.8)) <= 11  # 5 are expected of 100; more than 11 come once in 200 times


@pytest.mark.slow
def test_a_large_difference_is_claimed(monkeypatch):
    assert claims(monkeypatch, 20, (2.0, 0.5)) == 20


def test_a_family_of_claims_is_corrected_as_benjamini_and_hochberg_say():
    def claim(p):
        return Versus("a", "b", 0.5, 0.5, 0.0, (0.0, 0.0), 0, 2, p)

    found = corrected([claim(0.01), claim(None), claim(0.04), claim(0.03)])
    assert [each.p for each in found] == [pytest.approx(0.03), None, pytest.approx(0.04), pytest.approx(0.04)]
    assert corrected([]) == ()
