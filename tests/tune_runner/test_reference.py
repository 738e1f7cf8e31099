"""Which trial and which of its rows stand for the paper."""

import math

import pytest

from coftad.types import FineTuning, Scoring
from tests.tune_runner.planted import begin
from tune_runner.study.reference import departures, reference_row, reference_trial
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


@pytest.mark.parametrize(("named", "number"), [({}, 2), ({"negative_augmentation": "void"}, None)])
def test_the_reference_is_found_wherever_it_was_run(tmp_path, named, number):
    begun = begin(tmp_path, space=SPACE, search={"sampler": "random", "reference": named})
    begun.finish()
    begun.finish()
    begun.searcher.study.enqueue_trial({"lambda_pp": 0.8, "1-beta": 1 - 0.99, "negative_augmentation": "none"})
    begun.searcher._waiting += 1
    begun.finish()
    found = reference_trial(begun.prepared.spec, completed(begun.study))
    assert (found and found.number) == number


def test_what_is_not_the_papers_is_named():
    assert departures(FineTuning(beta=math.nextafter(0.99, 1)), Scoring()) == {}
    found = departures(FineTuning(backbone="resnet50", lambda_pp=0), Scoring(n_a=5))
    assert found == {"backbone": "resnet50", "lambda_pp": 0, "n_a": 5}
