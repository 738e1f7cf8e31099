"""Designs against lists written by hand."""

import pytest

from tune_runner.designs import axes, complete, one_at_a_time, problems
from tune_runner.parameters import Choice, Int, LogComplement, Uniform
from tune_runner.space import Space

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
    found = one_at_a_time(SPACE, {})
    assert found[0] == complete(SPACE, {}, {})
    assert len({str(sorted(point.items())) for point in found}) == len(found)
    assert len(found) == 5 + 1 + 4  # the centre of void.lambda_np is void itself


def test_a_reference_outside_the_grid_is_one_of_the_values():
    [axis] = axes(Space({"lambda_pp": Uniform(0.0, 1.5)}), {})
    assert [value for value, _ in axis.points] == [0.0, 0.375, 0.75, 0.8, 1.125, 1.5]


def test_a_wrong_reference_is_named_with_what_would_do():
    found = problems(SPACE, {"lambda_pp": 2.0, "n_a": 5, "negative_augmentation": "cutpaste", "lambda_np": 0.5})
    assert set(found) == {"lambda_pp", "n_a", "negative_augmentation"}
    assert "uniform in 0 to 1.6" in found["lambda_pp"]
    assert "no training parameter of the space; lambda_pp, negative_augmentation, lambda_np" in found["n_a"]
    assert "one of none, void" in found["negative_augmentation"]
