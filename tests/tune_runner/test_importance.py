"""Planted effects are found, with the right sign, and noise is not."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tune_runner.study.importance import FEWEST_TRIALS, effects, shares


def planted(count, seed=0):
    """AUROC = 0.6 + 0.2 [backbone = b] + 0.05 [n_a = 10] + noise; lambda does nothing."""
    generator = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        backbone, weight = str(generator.choice(["a", "b"])), float(generator.uniform(0, 1))
        base = 0.6 + 0.2 * (backbone == "b") + generator.normal(0, 0.03)
        rows = [
            {"n_a": n_a, "scorer": "gaussian", "auroc": base + 0.05 * (n_a == 10) + generator.normal(0, 0.002)}
            for n_a in (1, 10)
        ]
        trials.append(
            optuna.trial.create_trial(
                params={"backbone": backbone, "lambda": weight},
                distributions={"backbone": CategoricalDistribution(["a", "b"]), "lambda": FloatDistribution(0, 1)},
                value=max(row["auroc"] for row in rows),
                user_attrs={"rows": rows},
            )
        )
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)  # which gives each its number
    return study.get_trials()


def test_planted_differences_are_found_with_their_size_and_sign():
    found = {effect.parameter: effect for effect in effects(planted(40), seed=0)}
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


def test_noise_is_mostly_not_shown():
    shown = 0
    for seed in range(40):
        [weight] = [effect for effect in effects(planted(30, seed), seed=seed) if effect.parameter == "lambda"]
        shown += weight.interval[0] > 0
    assert shown <= 8  # the level that looks better is chosen on the same data: above 2.5 %, far from all


def test_the_dominant_parameter_has_the_largest_share():
    found = shares(planted(60), seed=0)
    assert found[0].parameter == "backbone"
    assert found[0].share > 0.7
    assert found[0].interval[0] <= found[0].share <= found[0].interval[1]
    assert sum(share.share for share in found) == pytest.approx(1)


def test_few_trials_have_no_shares():
    assert shares(planted(FEWEST_TRIALS - 1), seed=0) == []
    assert effects(planted(1), seed=0)[0].parameter == "n_a"
