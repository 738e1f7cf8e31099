"""Designs against lists written by hand."""

import numpy as np
import pytest

from tune_runner.designs import ablation, axes, between, complete, fields_of, points, problems
from tune_runner.parameters import Choice, Int, LogComplement, Uniform
from tune_runner.space import Space
from tune_runner.spec_model import Search

VIEWS = Choice(("none", "void"), {"void": {"lambda_np": Uniform(0.2, 1.0)}})
SPACE = Space({"lambda_pp": Uniform(0.0, 1.6), "negative_augmentation": VIEWS, "n_a": Choice((1, 5))})


def test_the_reference_is_the_papers_where_the_space_has_it():
    assert complete(SPACE, {}, {}) == {"lambda_pp": 0.8, "negative_augmentation": "none"}
    beta = Space({"beta": LogComplement(0.9, 0.999)})
    assert complete(beta, {}, {}) == {"1-beta": pytest.approx(0.01)}


def test_the_reference_is_the_middle_of_the_range_where_the_papers_lies_outside():
    space = Space({"lambda_pp": Uniform(1.0, 3.0), "projector_out": Int(1, 9)})
    assert complete(space, {}, {}) == {"lambda_pp": 2.0, "projector_out": 5}


def test_a_named_reference_goes_before_the_papers():
    given = {"lambda_pp": 0, "negative_augmentation": "void"}
    point = complete(SPACE, given, {})
    assert point == {"lambda_pp": 0.0, "negative_augmentation": "void", "void.lambda_np": 0.6}
    assert isinstance(point["lambda_pp"], float)


def test_whole_numbers_stand_for_numbers():
    space = Space({"lambda_pp": Choice((0.0, 1.0)), "symmetric": Choice((False, True))})
    point = complete(space, {"lambda_pp": 1, "symmetric": True}, {})
    assert repr(point) == "{'lambda_pp': 1.0, 'symmetric': True}"
    assert set(problems(space, {"symmetric": 1})) == {"symmetric"}


def test_every_axis_varies_one_setting_and_makes_the_choice_it_stands_under():
    found = {axis.name: axis for axis in axes(SPACE, {})}
    assert list(found) == ["lambda_pp", "negative_augmentation", "void.lambda_np"]  # n_a costs no training
    assert [value for value, _ in found["lambda_pp"].points] == pytest.approx([0, 0.4, 0.8, 1.2, 1.6])
    assert all(point["negative_augmentation"] == "none" for _, point in found["lambda_pp"].points)
    nested = found["void.lambda_np"]
    assert nested.centre == 0.6
    assert [value for value, _ in nested.points] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    for value, point in nested.points:
        assert point == {"lambda_pp": 0.8, "negative_augmentation": "void", "void.lambda_np": value}


def test_no_configuration_is_run_twice_and_the_reference_is_first():
    found = points(SPACE, Search(sampler="one_at_a_time"))
    assert found[0] == complete(SPACE, {}, {})
    assert len({str(sorted(point.items())) for point in found}) == len(found)
    assert len(found) == 5 + 1 + 4  # the centre of void.lambda_np is void itself


def test_a_reference_outside_the_grid_is_one_of_the_values():
    [axis] = axes(Space({"lambda_pp": Uniform(0.0, 1.5)}), {})
    assert [value for value, _ in axis.points] == [0.0, 0.375, 0.75, 0.8, 1.125, 1.5]


def test_a_wrong_reference_is_named_with_what_would_do():
    found = problems(
        SPACE, {"lambda_pp": 2.0, "n_a": 7, "steps": 5, "negative_augmentation": "cutpaste", "lambda_np": 0.5}
    )
    assert set(found) == {"lambda_pp", "n_a", "steps", "negative_augmentation"}
    assert "uniform in 0 to 1.6" in found["lambda_pp"]
    assert "one of 1, 5" in found["n_a"]
    assert "no parameter of the space; lambda_pp, negative_augmentation, lambda_np, n_a" in found["steps"]
    assert "one of none, void" in found["negative_augmentation"]


def test_an_ablation_adds_one_term_after_the_other_up_to_the_reference():
    found = ablation(SPACE, {"negative_augmentation": "void"}, {})
    assert [what for what, _ in found] == ["contrastive loss", "+ lambda_pp = 0.8", "+ negative_augmentation = void"]
    assert [point for _, point in found] == [
        {"lambda_pp": 0.0, "negative_augmentation": "none"},
        {"lambda_pp": 0.8, "negative_augmentation": "none"},
        {"lambda_pp": 0.8, "negative_augmentation": "void", "void.lambda_np": 0.6},
    ]


def test_an_ablation_has_the_fixed_centre_of_table_vi_where_the_space_has_it():
    pair = Choice(("fixed_centre", "cross_instance"))
    found = ablation(Space({"lambda_pp": Choice((0.0, 0.8)), "positive_pair": pair}), {}, {})
    assert [point for _, point in found] == [
        {"lambda_pp": 0.0, "positive_pair": "cross_instance"},
        {"lambda_pp": 0.8, "positive_pair": "fixed_centre"},
        {"lambda_pp": 0.8, "positive_pair": "cross_instance"},
    ]


def test_an_ablation_leaves_in_what_the_space_cannot_leave_out():
    space = Space({"lambda_pp": Uniform(0.5, 1.5), "beta": LogComplement(0.9, 0.999)})
    assert ablation(space, {}, {}) == [("reference", complete(space, {}, {}))]


def test_a_path_changes_one_setting_at_a_time_and_ends_at_the_other():
    end = {"lambda_pp": 0.2, "negative_augmentation": "void", "lambda_np": 0.9}
    found = between(SPACE, {}, end)
    assert [what for what, _ in found] == ["lambda_pp = 0.2", "negative_augmentation = void", "lambda_np = 0.9"]
    assert [point for _, point in found] == [
        {"lambda_pp": 0.2, "negative_augmentation": "none"},
        {"lambda_pp": 0.2, "negative_augmentation": "void", "void.lambda_np": 0.6},
        {"lambda_pp": 0.2, "negative_augmentation": "void", "void.lambda_np": 0.9},
    ]
    assert between(SPACE, end, end) == []
    back = between(SPACE, end, {"lambda_pp": 0.8, "negative_augmentation": "none"})
    assert back[-1][1] == complete(SPACE, {}, {})


def test_a_configuration_is_the_same_by_its_fields_to_the_last_bit():
    space = Space({"beta": LogComplement(0.9, 0.999), "lambda_pp": Uniform(0.0, 1.5)})
    for gap in np.geomspace(1.1e-3, 0.099, 50):
        point = {"1-beta": float(gap), "lambda_pp": float(gap)}
        again = complete(space, fields_of(space, point), {})
        assert fields_of(space, again) == fields_of(space, point)


def test_listed_configurations_differ_from_the_reference_in_what_they_name():
    search = Search(
        sampler="listed", reference={"lambda_pp": 0.4}, configurations=[{}, {"negative_augmentation": "void"}, {}]
    )
    assert points(SPACE, search) == [
        {"lambda_pp": 0.4, "negative_augmentation": "none"},
        {"lambda_pp": 0.4, "negative_augmentation": "void", "void.lambda_np": 0.6},
    ]


@pytest.mark.parametrize("sampler", ["tpe", "random", "sobol", "gp"])
def test_a_search_that_draws_starts_at_the_reference(sampler):
    assert points(SPACE, Search(sampler=sampler)) == [complete(SPACE, {}, {})]
