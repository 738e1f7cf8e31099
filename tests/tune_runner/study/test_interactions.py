"""Planted interactions are found with their size, and noise has none."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.tune_runner.made_up import on_episodes, study_of
from tune_runner.study.interactions import FEWEST_TRIALS, interactions
from tune_runner.study.trainings import trainings

SEEDS = 100
MOST = 11  # of 100 at a true rate of 5 %: more in 1.5 of a hundred such tests
NUMBER = FloatDistribution(0, 1)
TWO = CategoricalDistribution(["low", "high"])


def crossed(seed, count=60, strength=0.1, noise=0.03):
    """AUROC is higher where `a` and `b` agree; neither does anything by itself, nor does `c`."""
    generator = np.random.default_rng(seed)
    params, values = [], []
    for _ in range(count):
        given = {name: str(generator.choice(["low", "high"])) for name in "ab"} | {"c": float(generator.uniform())}
        agree = 1 if given["a"] == given["b"] else -1
        params.append(given)
        values.append(0.7 + strength * agree + generator.normal(0, noise))
    return study_of(values, params, {"a": TWO, "b": TWO, "c": NUMBER})


@pytest.mark.slow
def test_a_pair_that_does_nothing_alone_is_found_with_its_share():
    """The planted share is exact, as the levels are the planted ones."""
    strength, noise = 0.03, 0.03
    share, covered, found_first = 0.5, 0, 0
    for seed in range(SEEDS):
        found = interactions(trainings(crossed(seed, strength=strength, noise=noise)), seed=seed)
        found_first += (found[0].first, found[0].second) == ("a", "b")
        covered += found[0].interval[0] <= share <= found[0].interval[1]
    assert found_first == SEEDS
    assert covered >= SEEDS - MOST


def test_the_heat_map_shows_the_mean_of_every_cell():
    trials = crossed(0)
    found = interactions(trainings(trials), seed=0)[0]
    assert found.first_levels == found.second_levels == ("high", "low")
    for row, one in enumerate(found.first_levels):
        for column, other in enumerate(found.second_levels):
            values = [t.value for t in trials if (t.params["a"], t.params["b"]) == (one, other)]
            assert found.auroc[row][column] == pytest.approx(np.mean(values))
            assert found.trials[row][column] == len(values)


def test_numbers_are_paired_by_parts_of_their_range():
    generator = np.random.default_rng(0)
    params = [{"a": float(generator.uniform()), "b": float(generator.uniform())} for _ in range(60)]
    values = [0.7 + 0.1 * np.sign((p["a"] - 0.5) * (p["b"] - 0.5)) + generator.normal(0, 0.03) for p in params]
    [found] = interactions(trainings(study_of(values, params, {"a": NUMBER, "b": NUMBER})), seed=0)
    assert len(found.first_levels) == len(found.second_levels) == 3
    assert min(found.auroc[0][0], found.auroc[2][2]) > max(found.auroc[0][2], found.auroc[2][0]) + 0.1


@pytest.mark.slow
def test_in_noise_next_to_nothing_is_shown():
    shown = 0
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        params = [{f"dead{index}": float(generator.uniform()) for index in range(5)} for _ in range(40)]
        values = generator.normal(0.7, 0.05, len(params))
        shown += bool(interactions(trainings(study_of(values, params, dict.fromkeys(params[0], NUMBER))), seed=seed))
    assert shown <= MOST


@pytest.mark.slow
def test_two_effects_that_add_up_are_no_interaction():
    shown = 0
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        params = [{name: str(generator.choice(["low", "high"])) for name in "ab"} for _ in range(40)]
        values = [0.6 + 0.1 * (p["a"] == "high") + 0.2 * (p["b"] == "high") + generator.normal(0, 0.02) for p in params]
        shown += bool(interactions(trainings(study_of(values, params, {"a": TWO, "b": TWO})), seed=seed))
    assert shown <= MOST


def trained(seed, count=60, harm=0.0):
    """Each training has its own level and its own slope along steps, which are its noise. With `void`, `void.weight`
    adds harm to the slope. n_a adds the same everywhere."""
    generator = np.random.default_rng(seed)
    trials = []
    for index in range(count):
        given = {"view": "void", "void.weight": float(generator.uniform())} if index % 2 else {"view": "none"}
        given["rate"] = float(generator.uniform())
        level = generator.normal(0.7, 0.05)
        slope = generator.normal(0, 0.02) - harm * (given.get("void.weight", 0.5) - 0.5)
        rows = [
            {"steps": steps, "n_a": n_a, "auroc": level + slope * steps / 40 + 0.01 * n_a + generator.normal(0, 0.005)}
            for steps in (10, 20, 40)
            for n_a in (1, 5)
        ]
        distributions = {"view": CategoricalDistribution(["none", "void"]), "void.weight": NUMBER, "rate": NUMBER}
        trials.append(
            optuna.trial.create_trial(
                params=given,
                distributions={name: distributions[name] for name in given},
                value=max(row["auroc"] for row in rows),
                user_attrs={"rows": rows},
            )
        )
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    return study.get_trials()


def test_a_conditional_parameter_interacts_with_the_number_of_steps_in_its_branch():
    for seed in range(4):
        [found] = interactions(trainings(trained(seed, harm=0.2)), seed=seed)
        assert (found.first, found.second) == ("void.weight", "steps")
        assert found.second_levels == ("10", "20", "40")
        assert {sum(column) for column in zip(*found.trials, strict=True)} == {30}
        low, high = found.auroc[0], found.auroc[-1]
        assert low[2] - low[0] > 0.02 > -0.02 > high[2] - high[0]


@pytest.mark.slow
def test_trainings_that_drift_apart_are_no_interaction():
    """Six rows a training are not six pieces of evidence."""
    shown = sum(bool(interactions(trainings(trained(seed, count=40)), seed=seed)) for seed in range(SEEDS))
    assert shown <= MOST


def test_parameters_within_trainings_interact_with_each_other():
    trials = trained(0)
    for trial in trials:
        for row in trial.user_attrs["rows"]:
            row["auroc"] += 0.05 * (row["steps"] == 40) * (row["n_a"] == 5)
    [found] = interactions(trainings(trials), seed=0)
    assert (found.first, found.second) == ("steps", "n_a")
    assert np.shape(found.auroc) == np.shape(found.trials) == (3, 2)
    assert {count for line in found.trials for count in line} == {60}


def test_a_cell_without_a_trial_is_empty():
    trials = [trial for trial in crossed(0, count=200) if (trial.params["a"], trial.params["b"]) != ("low", "high")]
    for index, trial in enumerate(trials):
        trial.params["b"] = "other" if trial.params["b"] == "low" and index % 2 else trial.params["b"]
        trial.value = trial.value + 0.2 * (trial.params["b"] == "other" and trial.params["a"] == "high")
    found = interactions(trainings(trials), seed=0)[0]
    where = found.first_levels.index("low"), found.second_levels.index("high")
    assert found.auroc[where[0]][where[1]] is None
    assert found.trials[where[0]][where[1]] == 0


def test_dropped_trials_count_relative_to_their_episode():
    """Those where `a` and `b` agree end after the easy episode: by their mean, that would be an interaction."""
    for seed in range(5):
        generator = np.random.default_rng(seed)
        params = [{name: str(generator.choice(["low", "high"])) for name in "ab"} for _ in range(60)]
        aurocs = [
            list((0.6 + np.array([0.2, 0]) + generator.normal(0, 0.02, 2))[: 2 - (index > 20 and p["a"] == p["b"])])
            for index, p in enumerate(params)
        ]
        trials = on_episodes(aurocs, params, {"a": TWO, "b": TWO})
        assert interactions(trainings(trials), seed=seed) == []


def test_with_too_few_trials_nothing_is_told():
    assert interactions(trainings(crossed(0, count=FEWEST_TRIALS - 1)), seed=0) == []
    assert interactions(trainings(crossed(0, count=FEWEST_TRIALS)), seed=0) != []
    assert interactions(trainings([]), seed=0) == []


def test_no_more_are_told_than_asked_for():
    assert interactions(trainings(crossed(0)), seed=0, most=0) == []
