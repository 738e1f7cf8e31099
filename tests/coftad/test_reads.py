"""What a scorer says it reads is what its scores depend on: a field more would be compared, one less would be lost."""

from dataclasses import asdict, fields, replace
from typing import Any, get_args

import numpy as np
import pytest
import torch

from coftad.devices import repeatable
from coftad.embeddings import to_float
from coftad.networks import backbone
from coftad.scorers import READS, SCORERS, reads
from coftad.scoring import Scorers
from coftad.seeding import torch_generator
from coftad.types import FineTuning, ScorerName, Scoring

NAMES = get_args(ScorerName)
OTHER: dict[str, Any] = {"n_a": 3, "l2_norm": False, "epsilon": 0.5, "neighbours": 2}  # far from the defaults
CASES = [(name, field) for name in NAMES for field in OTHER]


@pytest.fixture(scope="module")
def scores():
    """Scoring -> (9,) scores, of every scorer at the defaults with n_a 2, and with each field changed in turn."""
    images = np.random.default_rng(0).integers(0, 256, (13, 3, 32, 32), dtype=np.uint8)
    base = [Scoring(scorer=name, n_a=2) for name in NAMES]
    scorings = [*base, *(replace(scoring, **{field: OTHER[field]}) for scoring in base for field in OTHER)]
    network = backbone("resnet18", None, torch_generator(0))
    with repeatable(1):
        support = to_float(images[:4], torch.device("cpu"))
        rows = Scorers(network, FineTuning(), scorings, support, seed=7).score(images[4:])
    return dict(zip(scorings, rows, strict=True))


def test_every_scorer_and_every_field_is_tried():
    assert set(NAMES) == READS.keys() == {*SCORERS, "patchcore"}
    assert {field.name for field in fields(Scoring)} == {*OTHER, "scorer"}
    assert all(asdict(Scoring(n_a=2))[field] != value for field, value in OTHER.items())


def test_every_scorer_reads_which_scorer_it_is():
    assert all("scorer" in reads(name) and reads(name) <= asdict(Scoring()).keys() for name in NAMES)


@pytest.mark.parametrize(("name", "field"), CASES)
def test_scores_depend_on_the_fields_that_a_scorer_reads_and_on_no_other(scores, name, field):
    scoring = Scoring(scorer=name, n_a=2)
    same = torch.equal(scores[scoring], scores[replace(scoring, **{field: OTHER[field]})])
    assert same == (field not in reads(name))
