"""First-order shares, against Optuna's and against a function whose shares are known."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from tests.tune_runner.made_up import study_of
from tune_runner.study.fanova import first_order, tree_shares, unit
from tune_runner.study.paired import paired
from tune_runner.study.trainings import trainings

NUMBER = FloatDistribution(0, 1)


def test_a_forests_shares_are_optunas():
    generator = np.random.default_rng(0)
    X = generator.random((50, 3))
    y = X[:, 0] + 0.3 * np.sin(9 * X[:, 1]) + X[:, 0] * X[:, 2] + generator.normal(0, 0.1, 50)
    params = [{f"x{index}": float(value) for index, value in enumerate(row)} for row in X]
    study = optuna.create_study(direction="maximize")
    study.add_trials(study_of(y, params, dict.fromkeys(params[0], NUMBER)))
    theirs = FanovaImportanceEvaluator(seed=3, n_trees=8).evaluate(study)
    forest = RandomForestRegressor(n_estimators=8, max_depth=64, random_state=3).fit(X, y)
    ours = np.mean([tree_shares(tree) for tree in forest.estimators_], axis=0)
    assert ours == pytest.approx([theirs[f"x{index}"] for index in range(3)], rel=1e-6)


def test_of_a_checkerboard_no_parameter_has_a_share_and_of_a_step_one_has_all():
    X = np.stack(np.meshgrid([0.25, 0.75], [0.25, 0.75]), -1).reshape(-1, 2)
    checkerboard = DecisionTreeRegressor(random_state=0).fit(X, [0.0, 1.0, 1.0, 0.0])
    assert tree_shares(checkerboard) == pytest.approx([0, 0], abs=1e-12)
    step = DecisionTreeRegressor(random_state=0).fit(X, [0.0, 1.0, 0.0, 1.0])
    assert tree_shares(step) == pytest.approx([1, 0])


def test_values_lie_in_their_range_on_the_scale_they_were_sampled_on():
    params = [{"log": 10.0, "int": 2, "choice": "b"}, {"log": 1.0, "int": 5, "choice": "c"}]
    distributions = {
        "log": FloatDistribution(1, 100, log=True),
        "int": IntDistribution(1, 5),
        "choice": CategoricalDistribution(["a", "b", "c"]),
    }
    trials = study_of([0.5, 0.6], params, distributions)
    assert unit(trials, "log") == pytest.approx([0.5, 0.0])
    assert unit(trials, "int") == pytest.approx([0.3, 0.9])
    assert unit(trials, "choice") == pytest.approx([0.5, 5 / 6])


def test_of_trials_that_are_all_alike_there_are_no_shares():
    trials = paired(trainings(study_of([0.5] * 20, [{"x": index / 20} for index in range(20)], {"x": NUMBER})))
    assert first_order(trials, ["x"], seed=0).shape == (0, 1)
