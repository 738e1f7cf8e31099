"""The interpreter of a space against enumerations and values written by hand."""

import math
from typing import Any

import optuna
import pytest

from coftad.types import FineTuning, Scoring
from tune_runner.parameters import GRID_POINTS, Choice, Int, LogComplement, LogUniform, Uniform
from tune_runner.space import (
    KINDS,
    Space,
    as_written,
    describe,
    enumerate_training,
    most_rows,
    optuna_fields,
    rows,
    size,
    suggest,
    training_config,
)

LAMBDA_NP = {"lambda_np": Uniform(0.1, 1.5)}
VIEWS = Choice(("none", "cutpaste", "void"), {"cutpaste": LAMBDA_NP, "void": {"lambda_np": Uniform(0.2, 0.4)}})
FIXED: dict[str, Any] = {"steps": 40}


def ask(space: Space, params: dict[str, Any]) -> dict[str, Any]:
    return suggest(space, optuna.trial.FixedTrial(params))


def test_every_field_has_one_kind() -> None:
    assert set(KINDS.values()) == {"training", "scoring", "trajectory"}
    assert KINDS["lambda_np"] == "training"
    assert KINDS["n_a"] == "scoring"
    assert KINDS["steps"] == "trajectory"


def test_names_are_flat_and_nested_ones_carry_their_choice() -> None:
    space = Space({"negative_augmentation": VIEWS, "beta": LogComplement(0.9, 0.999), "n_a": Choice((1, 5))})
    assert optuna_fields(space) == {
        "negative_augmentation": "negative_augmentation",
        "cutpaste.lambda_np": "lambda_np",
        "void.lambda_np": "lambda_np",
        "1-beta": "beta",
    }


def test_what_optuna_keeps_is_told_as_it_was_written() -> None:
    space = Space({"negative_augmentation": VIEWS, "beta": LogComplement(0.9, 0.999)})
    params: dict[str, Any] = {"negative_augmentation": "void", "void.lambda_np": 0.3, "1-beta": 0.25e-1}
    assert as_written(space, params) == {"negative_augmentation": "void", "void.lambda_np": 0.3, "beta": 0.975}


def test_a_nested_parameter_is_asked_only_under_its_choice() -> None:
    space = Space({"negative_augmentation": VIEWS})
    assert ask(space, {"negative_augmentation": "none"}) == {"negative_augmentation": "none"}
    params = {"negative_augmentation": "void", "void.lambda_np": 0.3}
    assert ask(space, params) == {"negative_augmentation": "void", "lambda_np": 0.3}


def test_a_nested_choice_joins_the_names() -> None:
    inner = Choice(("none", "void"), {"void": LAMBDA_NP})
    space = Space({"backbone": Choice(("resnet18", "resnet50"), {"resnet50": {"negative_augmentation": inner}})})
    params = {
        "backbone": "resnet50",
        "resnet50.negative_augmentation": "void",
        "resnet50.void.lambda_np": 0.5,
    }
    assert ask(space, params) == {"backbone": "resnet50", "negative_augmentation": "void", "lambda_np": 0.5}
    assert set(optuna_fields(space)) == set(params)


def test_log_complement_is_log_uniform_in_its_distance_to_one() -> None:
    space = Space({"beta": LogComplement(0.9, 0.999)})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    values = [suggest(space, study.ask())["beta"] for _ in range(400)]
    assert all(0.9 <= float(str(value)) <= 0.999 for value in values)
    logs = [
        math.log10(1 - float(str(value))) for value in values
    ]  # uniform in [-3, -1]: mean -2, deviation 2 / 12**0.5
    assert sum(logs) / 400 == pytest.approx(-2, abs=4 * 2 / 12**0.5 / 20)
    assert ask(space, {"1-beta": 1 - 0.999}) == {"beta": pytest.approx(0.999, abs=1e-15)}


def test_a_stored_trial_is_replayed_from_its_parameters() -> None:
    space = Space(
        {"negative_augmentation": VIEWS, "learning_rate": LogUniform(1e-5, 1e-3), "projector_out": Int(64, 512, 64)}
    )
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    for _ in range(30):
        trial = study.ask()
        first = suggest(space, trial)
        assert ask(space, trial.params) == first
        FineTuning(**first)  # type: ignore[arg-type]
        study.tell(trial, 0.5)


def test_scoring_and_trajectory_become_rows_however_they_are_written() -> None:
    space = Space({"n_a": Choice((10, 1)), "steps": Int(10, 40, 10), "l2_norm": Choice((True, False))})
    assert suggest(space, optuna.trial.FixedTrial({})) == {}
    points, scorings = rows(space, {}, {})
    assert points == (10, 20, 30, 40)
    assert set(scorings) == {Scoring(n_a=n, l2_norm=flag) for n in (1, 10) for flag in (True, False)}
    assert len(scorings) == 4


def test_points_are_sorted_and_distinct() -> None:
    assert rows(Space({"steps": Choice((20, 5, 10))}), {}, {})[0] == (5, 10, 20)
    assert rows(Space({}), {"steps": 7, "n_a": 3}, {}) == ((7,), (Scoring(n_a=3),))


def test_what_a_scorer_does_not_read_makes_no_new_row() -> None:
    space = Space(
        {
            "scorer": Choice(("gaussian", "knn", "isolation_forest", "patchcore")),
            "l2_norm": Choice((True, False)),
            "epsilon": Choice((0.1, 0.01, 0.001)),
            "neighbours": Choice((1, 3)),
        }
    )
    _, scorings = rows(space, FIXED, {})
    assert set(scorings) == {
        *(Scoring(l2_norm=flag, epsilon=epsilon) for flag in (True, False) for epsilon in (0.1, 0.01, 0.001)),
        *(Scoring(l2_norm=flag, scorer="knn", neighbours=k) for flag in (True, False) for k in (1, 3)),
        *(Scoring(l2_norm=flag, scorer="isolation_forest") for flag in (True, False)),
        Scoring(scorer="patchcore"),
    }
    assert len(scorings) == 13


def test_scoring_nested_under_a_scorer_and_under_a_training_choice() -> None:
    scorer = Choice(
        ("gaussian", "knn"), {"gaussian": {"epsilon": Choice((0.1, 0.2))}, "knn": {"neighbours": Choice((1, 3))}}
    )
    space = Space(
        {
            "backbone": Choice(("resnet18", "resnet50"), {"resnet50": {"steps": Choice((5,)), "n_a": Choice((2, 4))}}),
            "scorer": scorer,
        }
    )
    points, scorings = rows(space, {"steps": 40, "n_a": 9}, {"backbone": "resnet18"})
    assert points == (40,)
    assert scorings == (
        Scoring(n_a=9, epsilon=0.1),
        Scoring(n_a=9, epsilon=0.2),
        Scoring(n_a=9, scorer="knn"),
        Scoring(n_a=9, scorer="knn", neighbours=3),
    )
    points, scorings = rows(space, {"steps": 40}, {"backbone": "resnet50"})
    assert points == (5,)
    assert len(scorings) == 8
    assert {scoring.n_a for scoring in scorings} == {2, 4}


def test_ranges_of_scoring_parameters_are_laid_out() -> None:
    _, scorings = rows(Space({"epsilon": LogUniform(1e-4, 1)}), FIXED, {})
    assert [scoring.epsilon for scoring in scorings] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert Uniform(0, 1).grid() == pytest.approx((0, 0.25, 0.5, 0.75, 1))
    assert Int(1, 10).grid() == tuple(range(1, 11))
    assert Int(0, 100, 10).grid() == (0, 20, 50, 80, 100)
    assert Int(1, 11).grid()[0] == 1
    assert Int(1, 11).grid()[-1] == 11
    assert len(Int(1, 1_000_000).grid()) == GRID_POINTS
    assert [1 - value for value in LogComplement(0.9, 0.999).grid()] == pytest.approx(
        [0.1, 0.1**1.5, 0.01, 0.1**2.5, 0.001]
    )
    ends = LogUniform(0.1, 0.3).grid()
    assert (ends[0], ends[-1]) == (0.1, 0.3)


def test_the_trial_gets_fixed_suggested_and_default_values() -> None:
    space = Space({"negative_augmentation": VIEWS, "steps": Choice((0, 5))})
    fixed = {"lambda_pp": 0.2, "batch_size": 16, "n_a": 4}
    config = training_config(space, fixed, {"negative_augmentation": "void", "lambda_np": 0.3})
    expected = FineTuning(negative_augmentation="void", lambda_np=0.3, lambda_pp=0.2, batch_size=16)
    assert (config.training, config.points, config.scorings) == (expected, (0, 5), (Scoring(n_a=4),))


def test_a_grid_honours_conditions() -> None:
    views = Choice(("none", "void"), {"void": {"lambda_np": Choice((0.2, 0.4, 0.6))}})
    space = Space({"negative_augmentation": views, "projector_out": Int(1, 2), "n_a": Choice((1, 5))})
    grid = enumerate_training(space)
    expected = [
        {"negative_augmentation": "none"},
        *({"negative_augmentation": "void", "void.lambda_np": value} for value in (0.2, 0.4, 0.6)),
    ]
    assert grid == [{**each, "projector_out": width} for each in expected for width in (1, 2)]
    assert size(space) == len(grid) == 8
    assert all(ask(space, params) for params in grid)


def test_size_of_continuous_and_of_large_spaces() -> None:
    assert size(Space({})) == 1
    assert enumerate_training(Space({})) == [{}]
    assert size(Space({"lambda_pp": Uniform(0, 1)})) is None
    assert size(Space({"negative_augmentation": VIEWS})) is None
    assert size(Space({"epsilon": Uniform(0.1, 1)})) == 1  # laid out, not sampled
    with pytest.raises(ValueError, match="endlessly"):
        enumerate_training(Space({"lambda_pp": Uniform(0, 1)}))
    with pytest.raises(ValueError, match="131072"):
        enumerate_training(Space({"projector_out": Int(1, 65536), "predictor_hidden": Int(1, 2)}))


def test_most_rows_bounds_rows() -> None:
    branches = {
        "resnet50": {"steps": Choice((1, 2, 3)), "n_a": Choice((1, 2))},
        "resnet18": {"l2_norm": Choice((True,))},
    }
    space = Space({"backbone": Choice(("resnet18", "resnet50"), branches), "epsilon": Choice((0.1, 0.2))})
    assert most_rows(space.parameters) == 3 * 2 * 2
    for backbone in ("resnet18", "resnet50"):
        points, scorings = rows(space, FIXED, {"backbone": backbone})
        assert len(points) * len(scorings) <= 12


def test_the_description_names_every_parameter() -> None:
    space = Space({"negative_augmentation": VIEWS, "epsilon": Uniform(0, 1), "steps": Choice((5, 10))})
    assert describe(space) == [
        ("negative_augmentation", "training", "one of none, cutpaste, void"),
        ("cutpaste.lambda_np", "training", "uniform in 0.1 to 1.5"),
        ("void.lambda_np", "training", "uniform in 0.2 to 0.4"),
        ("epsilon", "scoring", "all of 0, 0.25, 0.5, 0.75, 1"),
        ("steps", "trajectory", "all of 5, 10"),
    ]
