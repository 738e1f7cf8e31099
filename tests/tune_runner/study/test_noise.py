"""Planted components of variance are found, and their intervals cover them as often as they say."""

import numpy as np
import pytest

from tests.tune_runner.made_up import on_episodes, planted
from tune_runner.study.noise import FEWEST_TRIALS, noise, replicates
from tune_runner.study.trainings import trainings

SEEDS = 100
MOST = 11  # of 100 at a true rate of 5 %: more in 1.5 of a hundred such tests
BETWEEN, WITHIN, EPISODE = 0.03, 0.04, 0.1


def layout(seed, trials=40, episodes=3, between=BETWEEN):
    generator = np.random.default_rng(seed)
    own, common = generator.normal(0.7, between, (trials, 1)), generator.normal(0, EPISODE, episodes)
    return own + common + generator.normal(0, WITHIN, (trials, episodes))


@pytest.mark.parametrize(("trials", "episodes"), [(20, 2), pytest.param(60, 4, marks=pytest.mark.slow)])
def test_intervals_cover_what_was_planted(trials, episodes):
    deviation = WITHIN / np.sqrt(episodes)
    share = deviation**2 / (deviation**2 + BETWEEN**2)
    deviations = shares = 0
    for seed in range(SEEDS):
        found = noise(layout(seed, trials, episodes), seed=seed)
        deviations += found.deviation_interval[0] <= deviation <= found.deviation_interval[1]
        shares += found.share_interval[0] <= share <= found.share_interval[1]
    assert min(deviations, shares) >= SEEDS - MOST


def test_it_is_the_two_way_layouts_residual():
    table = layout(0)
    residual = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    variance = (residual**2).sum() / (39 * 2) / 3
    found = noise(table, seed=0)
    assert found.deviation == pytest.approx(np.sqrt(variance))
    assert found.share == pytest.approx(variance / table.mean(1).var(ddof=1))
    assert (found.trials, found.episodes) == (40, 3)


def test_what_an_episode_does_to_all_configurations_is_no_noise():
    table = layout(0)
    one, other = noise(table, seed=0), noise(table + np.array([0.2, -0.3, 0.0]), seed=0)
    assert other.deviation == pytest.approx(one.deviation)
    assert other.deviation_interval == pytest.approx(one.deviation_interval)
    assert other.share_interval == pytest.approx(one.share_interval)


def test_where_configurations_are_alike_all_is_noise():
    found = noise(layout(0, trials=200, between=0.0), seed=0)
    assert found.share > 0.7
    assert found.share_interval[1] == 1.0


def test_without_a_residual_there_is_none():
    table = np.linspace(0, 0.5, 32)[:, None] + np.array([0.25, 0.5])
    found = noise(table, seed=0)
    assert (found.deviation, found.share) == (0.0, 0.0)


def test_complete_trials_are_the_replicates():
    trials = on_episodes([[0.9, 0.5], [0.8], [0.7, 0.6]], [{}] * 3, {})
    assert replicates(trainings(trials)) == pytest.approx(np.array([[0.9, 0.5], [0.7, 0.6]]))
    assert noise(replicates(trainings(planted(30))), seed=0) is None
    assert noise(replicates([]), seed=0) is None


@pytest.mark.parametrize(
    "table", [layout(0, episodes=1), layout(0, trials=FEWEST_TRIALS - 1), np.full((30, 2), 0.5), np.zeros((0, 2))]
)
def test_where_it_cannot_be_known_it_is_not_told(table):
    assert noise(table, seed=0) is None
