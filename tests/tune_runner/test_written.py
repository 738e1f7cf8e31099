"""What users wrote is what they read, to the last bit."""

from dataclasses import asdict
from typing import Any

import optuna
import pytest

from coftad.types import Scoring
from tune_runner.designs import complete
from tune_runner.parameters import Choice, LogComplement, LogUniform
from tune_runner.space import Space, as_written, suggest
from tune_runner.written import written_name, written_number, written_row, written_trials

SPACE = Space(
    {
        "negative_augmentation": Choice(("none", "void"), {"void": {"beta": LogComplement(0.1, 0.999)}}),
        "learning_rate": LogUniform(1e-5, 1e-3),
    }
)
NAMES = {"void.1-beta": "void.beta", "learning_rate": "learning_rate", "1-beta": "beta", "0.1-x.y": "0.1-x.y"}


def trial_of(space: Space, params: dict[str, Any]) -> optuna.trial.FrozenTrial:
    """The configuration as a study has it after it ran."""
    study = optuna.create_study()
    study.enqueue_trial(params)
    trial = study.ask()
    suggest(space, trial)
    study.tell(trial, 0.5)
    return study.trials[0]


@pytest.mark.parametrize(("stored", "written"), NAMES.items())
def test_a_name_is_as_it_was_written(stored: str, written: str) -> None:
    assert written_name(stored) == written


@pytest.mark.parametrize("beta", [0.99, 0.996, 0.9, 0.999, 0.1, 0.3, 0.123456789])
def test_the_value_that_is_read_is_the_one_that_was_trained_with(beta: float) -> None:
    params = complete(SPACE, {"negative_augmentation": "void", "beta": beta}, {})
    trained = suggest(SPACE, optuna.trial.FixedTrial(params))["beta"]
    [trial] = written_trials(SPACE, [trial_of(SPACE, params)])
    assert trial.params["void.beta"] == as_written(SPACE, params)["void.beta"] == trained
    assert repr(trained) == repr(beta) or beta < 0.5  # below, the complement cannot hold every float
    assert trained == pytest.approx(beta, abs=1e-16)


def test_trials_are_translated_without_changing_the_study() -> None:
    stored = trial_of(SPACE, {"negative_augmentation": "void", "void.1-beta": 0.25, "learning_rate": 1e-4})
    before = dict(stored.params), dict(stored.distributions)
    [trial] = written_trials(SPACE, [stored])
    assert (stored.params, stored.distributions) == before
    assert trial.params == {"negative_augmentation": "void", "void.beta": 0.75, "learning_rate": 1e-4}
    assert trial.distributions["void.beta"] == optuna.distributions.FloatDistribution(0.1, 0.999)
    assert trial.distributions.keys() == trial.params.keys()
    assert (trial.number, trial.value, trial.state) == (stored.number, stored.value, stored.state)


def test_trials_without_a_complement_are_the_same_objects() -> None:
    stored = trial_of(SPACE, {"negative_augmentation": "none", "learning_rate": 1e-4})
    assert written_trials(SPACE, [stored])[0] is stored


def test_names_that_a_space_lacks_stay() -> None:
    assert as_written(SPACE, {"learning_rate": 1e-4, "other": 3}) == {"learning_rate": 1e-4, "other": 3}


def test_a_row_says_only_what_its_scorer_reads() -> None:
    row = {"steps": 20, **asdict(Scoring(scorer="knn")), "auroc": 0.9, "criteria": {}}
    assert written_row(row) == {
        "steps": 20, "n_a": 10, "scorer": "knn", "l2_norm": True, "neighbours": 1, "auroc": 0.9, "criteria": {}
    }  # fmt: skip
    assert written_row({"steps": 20, **asdict(Scoring(scorer="patchcore"))}) == {
        "steps": 20,
        "n_a": 10,
        "scorer": "patchcore",
    }
    assert written_row({}) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.99, "0.99"), (0.9995, "0.9995"), (0.99999, "0.99999"), (0.9876543, "0.98765"), (0.6, "0.6"), (0.75, "0.75"),
     (1 - 2**-53, "0.999999999999999889"), (1.0, "1"), (0.12345678, "0.1235"), (3e-4, "0.0003"), (-0.9999, "-0.9999")],
)  # fmt: skip
def test_a_number_near_one_keeps_its_distance_to_it(value: float, text: str) -> None:
    assert written_number(value) == text
