"""The small version of `benchmarks.claims`: no false claims of nothing, and large effects are shown."""

import json
from dataclasses import fields

import pytest

from benchmarks.claims.__main__ import main
from benchmarks.claims.counting import AIM, Rate


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    path = tmp_path_factory.mktemp("claims") / "claims.json"
    nothing = ["--scenario", "nothing", "--trials", "32", "--episodes", "2", "--noise", "10", "--studies", "60"]
    assert main([*nothing, "--json", str(path), "--processes", "2"]) == 0
    found = json.loads(path.read_text())
    effect = ["--trials", "64", "--episodes", "3", "--noise", "5", "--effect", "10", "--studies", "15", "--full"]
    scenarios = ["--scenario", "one_training", "--scenario", "one_scoring", "--scenario", "untrained_best"]
    assert main([*scenarios, *effect, "--json", str(path), "--processes", "2"]) == 0
    return found + json.loads(path.read_text())


@pytest.mark.slow
def test_cells_have_what_is_promised(cells):
    names = {field.name for field in fields(Rate)}
    for cell in cells:
        assert cell.keys() == names
        assert cell["kind"] in ("false", "power")
        assert 0 <= cell["low"] <= cell["rate"] <= cell["high"] <= 1
        assert cell["studies"] > 0
    assert {cell["scenario"] for cell in cells} == {"nothing", "one_training", "one_scoring", "untrained_best"}


@pytest.mark.slow
def test_nothing_is_claimed_where_there_is_nothing(cells):
    of_nothing = [cell for cell in cells if cell["scenario"] == "nothing"]
    assert len(of_nothing) > 10
    assert [cell for cell in of_nothing if cell["low"] > AIM] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "sentence", "least"),
    [
        ("one_training", "effect of a training setting", 0.8),
        ("one_scoring", "effect of a scoring setting", 0.8),
        ("untrained_best", "network before fine-tuning on a curve", 0.2),  # one network on three support sets
    ],
)
def test_ten_points_are_shown(cells, scenario, sentence, least):
    [cell] = [
        cell for cell in cells if (cell["scenario"], cell["sentence"], cell["kind"]) == (scenario, sentence, "power")
    ]
    assert cell["rate"] > least
