"""A report that claims too much, or says other words than its tables, is found out."""

import optuna
import pytest

from benchmarks.claims import reading
from benchmarks.claims.comparing import compared
from benchmarks.claims.reading import findings
from benchmarks.claims.scenarios import SCENARIOS, Cell
from benchmarks.claims.shortcuts import forget, shortcuts
from benchmarks.claims.studies import planted
from tune_runner.study import compare, evidence
from tune_runner.study.answers import Answer

DIFFERS = "sentence differs from its table"


@pytest.fixture
def made(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with shortcuts():
        forget()
        yield lambda name, cell, data=0: planted(SCENARIOS[name], cell, tmp_path / f"{name}{data}", seed=1, data=data)
    forget()


def by_sentence(found):
    kinds = {}
    for each in found:
        kinds.setdefault(each.sentence, []).append(each)
    return kinds


def test_whoever_claims_everything_claims_falsely(made, monkeypatch):
    study = made("nothing", Cell(trials=32, episodes=2, noise=5))
    calm = by_sentence(findings(study))
    assert not any(each.false for each in calm[DIFFERS])
    monkeypatch.setattr(evidence, "shown", lambda p, interval: True)
    kinds = by_sentence(findings(study))
    expected = [kind for kind in kinds if kind.startswith(("effect of", "best", "fine-tuning", "validation: best"))]
    assert len(expected) >= 5
    for kind in (*expected, "point of a curve", "network before fine-tuning on a curve", "criterion loses AUROC"):
        assert any(each.false for each in kinds[kind]), kind
    assert not any(each.false for each in kinds[DIFFERS])  # the words go with the tables


def test_a_large_effect_is_found_in_table_and_words(made):
    kinds = by_sentence(findings(made("one_training", Cell(trials=32, episodes=3, noise=0, effect=10))))
    [backbone] = [each for each in kinds["effect of a training setting"] if each.subject == "backbone"]
    assert backbone.found
    assert not any(each.false for each in kinds[DIFFERS])


@pytest.mark.parametrize("place", [0, 1])
def test_words_that_say_something_else_are_found(made, monkeypatch, place):
    study = made("one_training", Cell(trials=32, episodes=3, noise=0, effect=10))
    told = reading.answers(study.summary)
    silent = Answer(told[place].question, ("Nothing is shown.",))
    monkeypatch.setattr(reading, "answers", lambda _: (*told[:place], silent, *told[place + 1 :]))
    assert any(each.false for each in by_sentence(findings(study))[DIFFERS])


def test_a_comparison_of_sweeps_that_claims_everything_claims_falsely(made, monkeypatch):
    sweeps = [made("nothing_compared", Cell(trials=12, episodes=2, noise=5), data) for data in (0, 1)]
    calm = by_sentence(compared(sweeps))
    assert {"compare: shown in both", "compare: one setting for all loses"} <= calm.keys()
    monkeypatch.setattr(evidence, "shown", lambda p, interval: True)
    monkeypatch.setattr(compare, "shown", lambda p, interval: True)
    kinds = by_sentence(compared(sweeps))
    for kind in ("compare: shown in both", "compare: one setting for all loses", "compare: the paper's settings lose"):
        assert any(each.false for each in kinds[kind]), kind
