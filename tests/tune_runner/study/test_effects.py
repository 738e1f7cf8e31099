"""Planted effects are found, with the right sign and size, and noise is not."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.tune_runner.made_up import planted, study_of
from tune_runner.study.effects import effects
from tune_runner.study.trainings import trainings


def test_planted_differences_are_found_with_their_size_and_sign():
    compared, few = effects(trainings(planted(40)))
    found = {effect.parameter: effect for effect in compared}
    assert few == []
    assert {name for name, effect in found.items() if effect.shown} == {"backbone", "n_a"}
    assert set(found) == {"backbone", "lambda", "n_a"}
    assert (found["backbone"].better, found["backbone"].worse) == ("b", "a")
    low, high = found["backbone"].interval
    assert low < 0.2 < high
    assert low > 0.15
    assert found["n_a"].paired
    assert (found["n_a"].better, found["n_a"].worse) == ("10", "1")
    assert found["n_a"].difference == pytest.approx(0.05, abs=0.002)
    # paired: a fifteenth of the spread between trials
    assert found["n_a"].interval[1] - found["n_a"].interval[0] < 0.005


NUMBER = FloatDistribution(0, 1)
SEEDS = 100
MOST = 11  # of 100 at a true rate of 5 %: more in 1.5 of a hundred such tests


def test_of_pure_noise_next_to_nothing_is_shown():
    """However many settings there are."""
    shown = 0
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        params = [{f"dead{index}": float(generator.uniform()) for index in range(6)} for _ in range(30)]
        values = generator.normal(0.7, 0.05, len(params))
        compared, _ = effects(trainings(study_of(values, params, dict.fromkeys(params[0], NUMBER))))
        assert len(compared) == 6
        shown += any(effect.shown for effect in compared)
    assert shown <= MOST


def test_beside_a_dominant_setting_a_dead_one_is_not_called_important():
    dead = dominant = 0
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        params = [{"dead": float(generator.uniform()), "dominant": float(generator.uniform())} for _ in range(40)]
        values = [0.5 + 0.3 * each["dominant"] + generator.normal(0, 0.05) for each in params]
        compared, _ = effects(trainings(study_of(values, params, dict.fromkeys(params[0], NUMBER))))
        found = {effect.parameter: effect for effect in compared}
        dead += found["dead"].shown
        dominant += found["dominant"].shown
        assert compared[0].parameter == "dominant"
    assert dominant == SEEDS
    assert dead <= MOST


def test_a_peak_in_the_middle_is_seen_though_both_halves_are_alike():
    found = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        params = [{"peaked": float(generator.uniform())} for _ in range(45)]
        values = [0.8 - (each["peaked"] - 0.5) ** 2 + generator.normal(0, 0.02) for each in params]
        [effect], _ = effects(trainings(study_of(values, params, {"peaked": NUMBER})))
        found += effect.shown and effect.better.count("to") == 1
    assert found >= 19


def test_a_conditional_setting_is_compared_among_the_trials_that_have_it():
    generator = np.random.default_rng(0)
    params, values = [], []
    for index in range(60):
        given = {"view": "void", "void.weight": float(generator.uniform())} if index % 2 else {"view": "none"}
        params.append(given)
        values.append(0.6 + 0.2 * given.get("void.weight", 0) + generator.normal(0, 0.02))
    distributions = {"view": CategoricalDistribution(["none", "void"]), "void.weight": NUMBER}
    found = {effect.parameter: effect for effect in effects(trainings(study_of(values, params, distributions)))[0]}
    assert found["void.weight"].trials == 30
    assert found["void.weight"].shown
    assert found["view"].trials == 60


def test_intervals_of_a_difference_cover_it_as_often_as_they_say():
    """Levels that nobody chose by looking: the better one is so in every draw."""
    covered = 0
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        params = [{"backbone": "ab"[index % 2]} for index in range(60)]
        values = [0.6 + 0.1 * (each["backbone"] == "b") + generator.normal(0, 0.05) for each in params]
        [effect], _ = effects(trainings(study_of(values, params, {"backbone": CategoricalDistribution(["a", "b"])})))
        assert effect.better == "b"
        covered += effect.interval[0] <= 0.1 <= effect.interval[1]
    assert covered >= SEEDS - MOST


@pytest.mark.parametrize(("count", "enough"), [(9, False), (10, True)])
def test_with_too_few_trials_it_says_so_and_tests_nothing(count, enough):
    params = [{"weight": index / count} for index in range(count)]
    compared, few = effects(trainings(study_of(np.linspace(0.5, 0.9, count), params, {"weight": NUMBER})))
    assert (len(compared), len(few)) == ((1, 0) if enough else (0, 1))
    if few:
        assert (few[0].parameter, few[0].trials, few[0].needed) == ("weight", 9, 10)


def test_one_trial_shows_nothing():
    compared, few = effects(trainings(planted(1)))
    assert compared == []
    assert [each.parameter for each in few] == ["n_a"]
