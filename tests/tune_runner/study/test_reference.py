"""Which trial and which of its rows stand for the paper."""

import math
from dataclasses import replace

import pytest

from coftad.datasets.flowers17 import Flowers17
from coftad.types import FineTuning, Scoring
from tests.tune_runner.planted import begin
from tune_runner.study.reference import called, departures, reference_row, reference_trial
from tune_runner.study.scored import completed

SPACE = {
    "lambda_pp": {"uniform": [0.0, 1.6]},
    "beta": {"log_complement": [0.9, 0.999]},
    "negative_augmentation": {"choice": ["none", "void"]},
    "steps": {"choice": [0, 2]},
}


def row(steps=20, **scoring):
    return {"steps": steps, **vars(Scoring(**scoring))}


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        ([row(n_a=1), row(n_a=10), row(n_a=50)], 1),
        ([row(n_a=1), row(n_a=5), row(n_a=50)], 1),
        ([row(0), row(20), row(40)], 1),
        ([row(0), row(10), row(40)], 2),
        ([row(scorer="knn"), row(scorer="isolation_forest"), row(n_a=50)], 2),
        ([row(40), row(l2_norm=False)], 0),
        ([row(epsilon=0.1), row(epsilon=0.02), row(epsilon=1.0)], 1),
        ([row(scorer="knn", neighbours=5), row(scorer="knn", neighbours=3)], 1),
    ],
)
def test_a_row_is_the_papers_or_the_nearest(rows, index):
    assert reference_row(rows) == index


def test_what_the_search_names_goes_before_the_papers():
    rows = [row(n_a=1), row(n_a=10), row(40, n_a=10), row(n_a=10, l2_norm=False)]
    assert reference_row(rows, {"n_a": 1, "lambda_pp": 0.5}) == 0
    assert reference_row(rows, {"steps": 40}) == 2
    assert reference_row(rows, {"l2_norm": False}) == 3


def test_the_reference_is_the_first_trial_of_a_search_that_draws(tmp_path):
    begun = begin(tmp_path, space=SPACE, search={"sampler": "random", "reference": {"negative_augmentation": "void"}})
    begun.finish()
    begun.finish()
    trials = completed(begun.study)
    found = reference_trial(begun.prepared.spec, reversed(trials))
    assert found is not None
    assert found.number == 0
    assert found.params["negative_augmentation"] == "void"
    assert reference_trial(begun.prepared.spec, trials[1:]) is None


def test_what_is_not_the_papers_is_named():
    assert departures(FineTuning(beta=math.nextafter(0.99, 1)), Scoring()) == {}
    found = departures(FineTuning(backbone="resnet50", lambda_pp=0), Scoring(n_a=5))
    assert found == {"backbone": "resnet50", "lambda_pp": 0, "n_a": 5}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"trainer": {}}, "the paper's settings"),
        ({"trainer": {"batch_norm": "frozen"}}, "the paper's settings but for batch_norm frozen"),
        ({"trainer": {}, "space": {"lambda_pp": {"uniform": [1, 2]}}}, "the paper's settings but for lambda_pp 1.5"),
        ({}, "the paper's settings but for learning_rate 1e-05, batch_size 8, projector_hidden 16 and 2 more"),
        ({"search": {"reference": {"lambda_pp": 0.5}}}, "the reference"),
    ],
)
def test_the_reference_is_called_the_papers_only_where_it_is(tmp_path, changes, name):
    assert called(begin(tmp_path, **changes).prepared.spec) == name


def test_views_made_for_a_data_set_are_no_departure(tmp_path):
    spec = begin(tmp_path, trainer={"weights": "random"}).prepared.spec
    flowers = Flowers17(root=tmp_path, normal="crocus", abnormal="bluebell")
    fixed = {**spec.trainer.fixed, "positive_augmentation": "flowers"}
    trainer = replace(spec.trainer, fixed=fixed)
    assert called(replace(spec, trainer=trainer)) == "the paper's settings but for positive_augmentation flowers"
    other = replace(spec, trainer=trainer, dataset=replace(spec.dataset, source=flowers))
    assert called(other) == "the paper's settings"
