"""Means at levels, with intervals that know of episodes."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.tune_runner.made_up import on_episodes, study_of
from tune_runner.study.binned import means
from tune_runner.study.trainings import trainings

SEEDS = 100
MOST = 11  # of 100 at a true rate of 5 %: more in 1.5 of a hundred such tests
NUMBER = FloatDistribution(0, 1)
VIEW = CategoricalDistribution(["none", "void"])


def test_levels_are_in_order_and_have_their_means():
    params = [{"x": index / 60} for index in range(60)]
    [found] = means(trainings(study_of([each["x"] for each in params], params, {"x": NUMBER})))
    assert (found.parameter, found.where) == ("x", "")
    assert [level.trials for level in found.levels] == [12] * 5
    assert [level.auroc for level in found.levels] == pytest.approx([(5.5 + 12 * part) / 60 for part in range(5)])
    assert found.levels[0].value.startswith("<=")
    assert found.levels[-1].value.startswith(">")
    assert all(level.interval[0] < level.auroc < level.interval[1] for level in found.levels)


def test_a_conditional_parameter_has_its_means_where_it_exists():
    params = [{"view": "void", "void.x": index / 40} if index % 2 else {"view": "none"} for index in range(40)]
    values = [each.get("void.x", 0.3) for each in params]
    found = {
        each.parameter: each for each in means(trainings(study_of(values, params, {"view": VIEW, "void.x": NUMBER})))
    }
    assert found["void.x"].where == "view = void"
    assert sum(level.trials for level in found["void.x"].levels) == 20
    assert [level.value for level in found["view"].levels] == ["none", "void"]


def test_a_level_of_one_trial_and_a_parameter_of_few_have_none():
    values = np.linspace(0.5, 0.9, 12)
    params = [{"view": "void" if index == 0 else "none"} for index in range(12)]
    assert means(trainings(study_of(values, params, {"view": VIEW}))) == []
    params = [{"x": index / 9} for index in range(9)]
    assert means(trainings(study_of(values[:9], params, {"x": NUMBER}))) == []


@pytest.mark.slow
def test_intervals_cover_the_mean_over_all_episodes_though_all_trials_share_the_same_few():
    """Over trials alone they would not: one easy episode lifts every trial."""
    covered = alone = 0
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        params = [{"view": ("none", "void")[index % 2]} for index in range(40)]
        aurocs = 0.7 + generator.normal(0, 0.05, 20) + generator.normal(0, 0.02, (40, 20))
        [found] = means(trainings(on_episodes(aurocs, params, {"view": VIEW})))
        [without] = means(trainings(study_of(aurocs.mean(1), params, {"view": VIEW})))
        assert found.levels[0].auroc == pytest.approx(without.levels[0].auroc)
        covered += found.levels[0].interval[0] <= 0.7 <= found.levels[0].interval[1]
        alone += without.levels[0].interval[0] <= 0.7 <= without.levels[0].interval[1]
    assert covered >= SEEDS - MOST
    assert alone < SEEDS / 2


def test_dropped_trials_are_compared_on_the_episodes_they_finished():
    params = [{"view": ("none", "void")[index % 2]} for index in range(40)]
    aurocs = [[0.9] if index % 2 and index > 6 else [0.9, 0.5] for index in range(40)]
    [found] = means(trainings(on_episodes(aurocs, params, {"view": VIEW})))
    assert [level.auroc for level in found.levels] == pytest.approx([0.7, 0.7])
    assert [level.trials for level in found.levels] == [20, 20]
