"""Batch norm in the sweeps that come with the project: the paper's follow the reference, those that search try both."""

from pathlib import Path

import pytest

from coftad.types import FineTuning
from tune_runner import designs
from tune_runner.parameters import Choice
from tune_runner.space import walk
from tune_runner.spec import load_parts

SWEEPS = Path(__file__).parents[2] / "sweeps"
FILES = sorted(path.relative_to(SWEEPS).as_posix() for path in SWEEPS.rglob("*.yaml"))
PAPERS = [name for name in FILES if name.startswith("paper/")]
ALONE = ["semicon_ablation.yaml"]  # asks what each term adds to the paper's method
COMPARED = ["study/batch_norm.yaml"]  # asks for the mode at one learning rate
SEARCHED = sorted({*FILES} - {*PAPERS, *ALONE, *COMPARED})


def specs(name):
    return [part.spec for part in load_parts(SWEEPS / name, environment={"COFTAD_DATA": "/data"})]


def trainings(spec):
    """Of every configuration that is known before anything runs, the reference first where the sampler draws."""
    for point in designs.points(spec.space, spec.search):
        yield spec.config(designs.fields_of(spec.space, point)).training


def test_there_are_sweeps_of_each_kind():
    assert {"semicon.yaml", "magnetic_tile.yaml", "study/semicon.yaml", "study/magnetic_tile.yaml"} <= {*SEARCHED}
    assert {"paper/table1.yaml", "paper/figure7.yaml"} <= {*PAPERS}


@pytest.mark.parametrize("name", PAPERS + ALONE)
def test_what_repeats_the_paper_normalises_by_the_batch(name):
    for spec in specs(name):
        assert {training.batch_norm for training in trainings(spec)} == {"train"}
        assert {training.learning_rate for training in trainings(spec)} == {3e-4}


@pytest.mark.parametrize("name", SEARCHED)
def test_what_searches_tries_both_modes_each_at_rates_that_fit_it(name):
    for spec in specs(name):
        [mode] = [parameter for _, field, parameter in walk(spec.space.parameters) if field == "batch_norm"]
        assert isinstance(mode, Choice)
        assert mode.values == ("train", "frozen")
        assert [*mode.branches] == ["frozen"]
        rates = mode.branches["frozen"]["learning_rate"].grid()
        assert 3e-5 <= min(rates) <= max(rates) <= 1e-4
        reference = spec.config(designs.fields_of(spec.space, designs.complete(spec.space, spec.search.reference, {})))
        assert (reference.training.batch_norm, reference.training.learning_rate) == ("train", 3e-4)
        frozen = designs.complete(spec.space, {**spec.search.reference, "batch_norm": "frozen"}, {})
        assert spec.config(designs.fields_of(spec.space, frozen)).training.learning_rate <= 1e-4


@pytest.mark.parametrize("name", COMPARED)
def test_the_modes_are_compared_at_the_papers_learning_rate(name):
    modes = [{(each.batch_norm, each.learning_rate) for each in trainings(spec)} for spec in specs(name)]
    assert modes == [{("train", 3e-4), ("frozen", 3e-4)}] * 8


def test_the_paper_is_read_as_networks_in_training_mode():
    assert FineTuning().batch_norm == "train"
    assert FineTuning().learning_rate == 3e-4
