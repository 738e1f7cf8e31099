"""Shares of importance of planted effects."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.tune_runner.made_up import on_episodes, planted, study_of
from tune_runner.study.importance import FEWEST_TRIALS, branches
from tune_runner.study.trainings import trainings

NUMBER = FloatDistribution(0, 1)


def test_the_dominant_parameter_has_the_largest_share():
    found = branches(trainings(planted(60)), seed=0)[0].ped_anova
    assert found[0].parameter == "backbone"
    assert found[0].share > 0.7
    assert found[0].interval[0] <= found[0].share <= found[0].interval[1]
    assert sum(share.share for share in found) == pytest.approx(1)


def test_few_trials_have_no_shares():
    [branch] = branches(trainings(planted(FEWEST_TRIALS - 1)), seed=0)
    assert (branch.trials, branch.needed, branch.ped_anova, branch.fanova) == (19, 20, (), ())


def test_no_trials_have_no_shares():
    [branch] = branches(trainings([]), seed=0)
    assert (branch.trials, branch.ped_anova, branch.fanova) == (0, (), ())


def test_the_first_branch_is_the_whole():
    trials = planted(60)
    [branch] = branches(trainings(trials), seed=0)
    assert (branch.where, branch.trials) == ("", 60)
    assert branches(trainings(trials), seed=0) == [branch]


def dominated(seed, slope):
    generator = np.random.default_rng(seed)
    params = [{"dead": float(generator.uniform()), "dominant": float(generator.uniform())} for _ in range(50)]
    values = [0.6 + slope * each["dominant"] + generator.normal(0, 0.05) for each in params]
    return study_of(values, params, dict.fromkeys(params[0], NUMBER))


def told_apart(seeds, slope):
    """How often the intervals of the two parameters' fANOVA shares do not overlap, and which is the larger then."""
    found = []
    for seed in range(seeds):
        [branch] = branches(trainings(dominated(seed, slope)), seed=seed)
        first, second = branch.fanova
        if first.interval[0] > second.interval[1]:
            found.append(first.parameter)
    return found


def test_a_dominant_parameter_is_told_from_a_dead_one():
    assert told_apart(3, slope=0.3) == ["dominant"] * 3


def test_in_noise_no_parameter_is_told_from_another():
    assert told_apart(3, slope=0.0) == []


@pytest.mark.slow
def test_parameters_are_told_apart_where_they_differ_only():
    """Forests and densities for 100 seeds, twice."""
    assert told_apart(100, slope=0.3) == ["dominant"] * 100
    assert len(told_apart(100, slope=0.0)) <= 11  # as many at a true rate of 5 % in all but 1.5 of a hundred tests


def conditional(count, generator):
    params, values = [], []
    for index in range(count):
        given = {"view": "void", "void.weight": float(generator.uniform())} if index % 2 else {"view": "none"}
        given["rate"] = float(generator.uniform())
        params.append(given)
        values.append(0.6 + 0.3 * given.get("void.weight", 0.5) + generator.normal(0, 0.02))
    distributions = {"view": CategoricalDistribution(["none", "void"]), "void.weight": NUMBER, "rate": NUMBER}
    return study_of(values, params, distributions)


def test_a_conditional_parameter_is_ranked_in_its_branch_only():
    everything, branch = branches(trainings(conditional(160, np.random.default_rng(0))), seed=0)
    assert (everything.where, everything.trials) == ("", 160)
    assert (branch.where, branch.trials) == ("view = void", 80)
    for found in (everything.ped_anova, everything.fanova):
        assert {share.parameter for share in found} == {"view", "rate"}
    for found in (branch.ped_anova, branch.fanova):
        assert [share.parameter for share in found] == ["void.weight", "rate"]
        assert found[0].share > 0.7
        assert found[0].interval[0] > found[1].interval[1]


def test_a_branch_of_few_trials_is_not_ranked():
    _, branch = branches(trainings(conditional(30, np.random.default_rng(0))), seed=0)
    assert (branch.trials, branch.needed, branch.ped_anova, branch.fanova) == (15, 20, (), ())


def test_dropped_trials_count_with_what_they_finished():
    """Where x is low, trials end after the first episode, which is easy: by their mean they were the best."""
    generator = np.random.default_rng(0)
    params = [{"x": float(generator.uniform()), "dead": float(generator.uniform())} for _ in range(80)]
    aurocs = [
        list((0.6 + 0.1 * each["x"] + np.array([0.2, 0]) + generator.normal(0, 0.01, 2))[: 1 + (each["x"] > 0.3)])
        for each in params
    ]
    [branch] = branches(trainings(on_episodes(aurocs, params, dict.fromkeys(params[0], NUMBER))), seed=0)
    assert branch.trials == 80
    assert branch.fanova[0].parameter == branch.ped_anova[0].parameter == "x"
    assert branch.fanova[0].share > 0.85  # 0.1 x is nearly all there is; the jump of the naive means would add to it
