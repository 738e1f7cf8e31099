"""The choice that a parameter stands under."""

from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.tune_runner.made_up import study_of
from tune_runner.study.branching import by_branch, conditions, parameters, spelt

NUMBER = FloatDistribution(0, 1)
DISTRIBUTIONS = {
    "view": CategoricalDistribution(["none", "void", "thin"]),
    "other": CategoricalDistribution(["none", "void"]),
    "void.weight": NUMBER,
    "void.shape": CategoricalDistribution(["round", "long"]),
    "void.round.size": NUMBER,
    "rate": NUMBER,
}
PARAMS = [
    {"view": "none", "other": "void", "rate": 0.1},
    {"view": "thin", "other": "none", "rate": 0.1},
    {"view": "void", "other": "none", "rate": 0.3, "void.weight": 0.1, "void.shape": "long"},
    {"view": "void", "other": "void", "rate": 0.3, "void.weight": 0.1, "void.shape": "round", "void.round.size": 0.2},
]


def trials():
    return study_of([0.5] * len(PARAMS), PARAMS, DISTRIBUTIONS)


def test_conditions_are_read_from_names_and_checked_against_what_was_chosen():
    """`other` has a value of the same name, and is not it."""
    assert conditions(trials()) == {
        "other": None,
        "rate": None,
        "view": None,
        "void.round.size": ("void.shape", "round"),
        "void.shape": ("view", "void"),
        "void.weight": ("view", "void"),
    }


def test_branches_are_the_choices_that_bring_parameters():
    found = {spelt(made): rows.tolist() for made, rows in by_branch(trials())}
    assert found == {"": [0, 1, 2, 3], "void.shape = round": [3], "view = void": [2, 3]}


def test_parameters_are_those_that_all_have_and_that_vary():
    assert parameters(trials()) == ["other", "rate", "view"]
    assert parameters(trials()[2:]) == ["other", "void.shape"]
    assert parameters([]) == []
