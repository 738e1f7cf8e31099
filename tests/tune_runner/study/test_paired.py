"""Trials that were dropped after some episodes are compared by what they did in these, whatever these were like."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.tune_runner.made_up import on_episodes, study_of
from tune_runner.study.effects import effects
from tune_runner.study.paired import paired
from tune_runner.study.trainings import trainings

SEEDS = 40
VIEW = {"view": CategoricalDistribution(["a", "b"])}


def trials_of(aurocs):
    return on_episodes(aurocs, [{"x": 0.5}] * len(aurocs), {"x": FloatDistribution(0, 1)})


def test_complete_trials_are_compared_by_their_mean():
    aurocs = np.random.default_rng(0).random((7, 3))
    assert paired(trainings(trials_of(aurocs))).values == pytest.approx(aurocs.mean(1))


def test_a_trial_that_finished_the_easy_episode_only_is_not_taken_for_a_good_one():
    """AUROC = configuration + episode, without noise: then what a dropped trial would have had is known."""
    configurations, episodes = np.array([0.0, 0.02, -0.05, 0.01]), np.array([0.9, 0.5])
    aurocs = [list(own + episodes) for own in configurations]
    aurocs[2] = aurocs[2][:1]
    trials = trials_of(aurocs)
    assert trials[2].value == pytest.approx(0.85)  # the naive mean: by far the best
    assert paired(trainings(trials)).values == pytest.approx(configurations + 0.7)


def test_dropped_by_chance_nothing_is_biased_and_dropped_for_bad_luck_only_downwards():
    """Configurations are alike; a third of the trials has its first of four episodes only, an easy one."""
    by_chance, by_luck, naive = [], [], []
    for seed in range(SEEDS):
        aurocs = 0.7 + np.random.default_rng(seed).normal(0, 0.02, (30, 4)) + np.array([0.1, 0, 0, 0])
        worst = np.argsort(aurocs[:, 0])[:10]
        for chosen, found in ((np.arange(10), by_chance), (worst, by_luck)):
            kept = [list(own[:1]) if row in chosen else list(own) for row, own in enumerate(aurocs)]
            values = paired(trainings(trials_of(kept))).values
            others = np.setdiff1d(np.arange(30), chosen)
            found.append(values[chosen].mean() - values[others].mean())
        naive.append(aurocs[:10, 0].mean() - aurocs[10:].mean())
    assert np.mean(naive) == pytest.approx(0.075, abs=0.005)
    assert abs(np.mean(by_chance)) < 3 * np.std(by_chance) / np.sqrt(SEEDS)
    assert np.mean(by_luck) < -0.01


def test_a_difference_is_found_with_its_sign_where_all_of_one_level_were_dropped_after_an_easy_episode():
    generator = np.random.default_rng(0)
    params = [{"view": "ab"[index % 2]} for index in range(40)]
    aurocs = []
    for index, each in enumerate(params):
        own = 0.7 - 0.05 * (each["view"] == "b") + np.array([0.2, -0.2]) + generator.normal(0, 0.01, 2)
        aurocs.append(list(own[:1] if each["view"] == "b" and index > 8 else own))
    trials = on_episodes(aurocs, params, VIEW)
    values = np.array([trial.value for trial in trials])
    assert values[1::2].mean() > values[::2].mean() + 0.05  # the naive comparison
    [effect], _ = effects(trainings(trials))
    assert (effect.better, effect.worse, effect.trials) == ("a", "b", 40)
    assert effect.difference == pytest.approx(0.05, abs=0.01)
    assert effect.interval[0] < 0.05 < effect.interval[1]
    assert effect.shown


def test_where_episodes_were_not_kept_only_complete_trials_are_compared():
    complete = study_of([0.6, 0.8], [{"view": "a"}, {"view": "b"}], VIEW)
    dropped = on_episodes([[0.5], [0.5, 0.5]], [{"view": "a"}] * 2, VIEW)[0]
    found = paired(trainings([*complete, dropped]))
    assert found.trials == tuple(complete)
    assert found.values == pytest.approx([0.6, 0.8])
    assert paired(trainings([dropped])).trials == ()


def test_values_over_drawn_episodes_are_means_over_these():
    aurocs = [[0.9, 0.5, 0.6], [0.8, 0.4, 0.8], [0.7]]
    found = paired(trainings(trials_of(aurocs)))
    counts = np.array([0.0, 2.0, 1.0])
    drawn = found.drawn_values(np.array([1, 2, 0, 1]), counts)
    one, other = (2 * 0.5 + 0.6) / 3, (2 * 0.4 + 0.8) / 3
    assert drawn == pytest.approx([other, np.nan, one, other], nan_ok=True)
