"""The study as the only truth: what is asked, told, counted, queued again."""

import pickle

import numpy as np
import optuna
import pytest
import yaml
from optuna.trial import TrialState

from tests.tune_runner.tiny import TINY
from tune_runner.reconcile import reconcile
from tune_runner.records import Records
from tune_runner.searcher import StudySearcher, create_or_load
from tune_runner.spec import Hardware, load
from tune_runner.trial_state import DUPLICATE, INTERRUPTED, counted


def spec(tmp_path, **changes):
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({**TINY, **changes}))
    return load(path, [], Hardware(cpus=2))


@pytest.fixture
def storage(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return f"sqlite:///{tmp_path}/study.db"


def drive(searcher, count, value=lambda config: config["trial"]["training"]["lambda_pp"]):
    """Run up to `count` trials to their end, one after another; their configurations."""
    seen = []
    for index in range(count):
        config = searcher.suggest(f"ray{len(searcher.study.trials)}-{index}")
        if config == "FINISHED":
            break
        [ray_trial] = searcher.running
        searcher.complete(ray_trial, value(config), {"episodes": 2}, pruned=False)
        seen.append(config)
    return seen


def test_stops_after_as_many_as_were_asked_for(tmp_path, storage):
    searcher = StudySearcher(create_or_load(storage, "s"), spec(tmp_path))
    assert len(drive(searcher, 10)) == 4
    assert searcher.remaining == 0
    again = StudySearcher(create_or_load(storage, "s"), spec(tmp_path))
    assert again.suggest("x") == "FINISHED"


def test_a_resumed_search_asks_what_an_undisturbed_one_would(tmp_path, storage):
    whole = drive(StudySearcher(create_or_load(storage, "whole"), spec(tmp_path)), 4)
    first = drive(StudySearcher(create_or_load(storage, "parts"), spec(tmp_path)), 2)
    rest = drive(StudySearcher(create_or_load(storage, "parts"), spec(tmp_path)), 4)
    assert first + rest == whole


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "sobol", "gp"])
def test_every_sampler_suggests_within_the_space(sampler, tmp_path, storage):
    searcher = StudySearcher(create_or_load(storage, sampler), spec(tmp_path, search={"sampler": sampler}))
    configs = drive(searcher, 4)
    assert len({config["trial"]["training"]["lambda_pp"] for config in configs}) == 4
    for config in configs:
        assert 0 <= config["trial"]["training"]["lambda_pp"] <= 1.5
        assert config["trial"]["points"] == [0, 2]
        assert [scoring["n_a"] for scoring in config["trial"]["scorings"]] == [1, 3]


@pytest.mark.parametrize("sampler", ["tpe", "random", "sobol", pytest.param("gp", marks=pytest.mark.slow)])
def test_settings_of_a_branch_differ_from_trial_to_trial(sampler, tmp_path, storage):
    """Also those that the first trial, the reference, does not have."""
    asked_for = spec(tmp_path, search={"sampler": sampler}, budget={"trials": 16})
    searcher = StudySearcher(create_or_load(storage, f"branch {sampler}"), asked_for)
    drive(searcher, 16)
    assert "void.lambda_np" not in searcher.study.trials[0].params
    drawn = [trial.params["void.lambda_np"] for trial in searcher.study.trials if "void.lambda_np" in trial.params]
    assert len(drawn) >= 3
    assert len(set(drawn)) == len(drawn)


@pytest.mark.slow
def test_sobol_covers_every_branch_evenly(tmp_path, storage):
    """Of 64 points of the sequence half take either branch, and those that do fall into each third of its range."""
    asked_for = spec(tmp_path, search={"sampler": "sobol"}, budget={"trials": 65})
    searcher = StudySearcher(create_or_load(storage, "even"), asked_for)
    drive(searcher, 65)
    params = [trial.params for trial in searcher.study.trials][1:]
    drawn = [each["void.lambda_np"] for each in params if each["negative_augmentation"] == "void"]
    assert 30 <= len(drawn) <= 34
    thirds = np.histogram(drawn, bins=3, range=(0.1, 1.0))[0]
    assert thirds.min() >= len(drawn) / 3 - 3
    lambda_pp = np.histogram([each["lambda_pp"] for each in params], bins=8, range=(0, 1.5))[0]
    assert lambda_pp.tolist() == [8] * 8, "a Sobol sequence of 64 points has 8 in every eighth"


def test_a_grid_is_walked_once_and_ends(tmp_path, storage):
    space = {"lambda_pp": {"choice": [0.0, 0.4, 0.8]}, "negative_augmentation": {"choice": ["none", "void"]}}
    searcher = StudySearcher(
        create_or_load(storage, "g"), spec(tmp_path, space=space, search={"sampler": "grid"}, budget={"trials": 50})
    )
    configs = drive(searcher, 50)
    training = [config["trial"]["training"] for config in configs]
    assert sorted((each["lambda_pp"], each["negative_augmentation"]) for each in training) == [
        (lambda_pp, negative) for lambda_pp in (0.0, 0.4, 0.8) for negative in ("none", "void")
    ]


def test_a_larger_budget_goes_on_where_a_design_was_cut_short(tmp_path, storage):
    space = {"lambda_pp": {"choice": [0.0, 0.4, 0.8]}, "negative_augmentation": {"choice": ["none", "void"]}}
    grid = {"space": space, "search": {"sampler": "grid"}}
    first = StudySearcher(create_or_load(storage, "g"), spec(tmp_path, **grid, budget={"trials": 4}))
    assert len(drive(first, 10)) == 4
    again = StudySearcher(create_or_load(storage, "g"), spec(tmp_path, **grid, budget={"trials": 9}))
    assert len(drive(again, 10)) == 2


@pytest.mark.slow
def test_repeated_suggestions_are_not_run_again_and_the_search_ends(tmp_path, storage):
    space = {"negative_augmentation": {"choice": ["none", "void", "cutpaste"]}}
    searcher = StudySearcher(create_or_load(storage, "d"), spec(tmp_path, space=space, budget={"trials": 50}))
    assert len(drive(searcher, 50, value=lambda config: 0.5)) == 3
    assert searcher.exhausted
    failed = searcher.study.get_trials(states=(TrialState.FAIL,))
    assert {trial.user_attrs["reason"] for trial in failed} == {DUPLICATE}
    assert counted(searcher.study.trials) == 3


def test_failures_count_and_carry_their_reason(tmp_path, storage):
    searcher = StudySearcher(create_or_load(storage, "f"), spec(tmp_path))
    searcher.suggest("a")
    searcher.fail("a", "non_finite", "step 3")
    [trial] = searcher.study.trials
    assert (trial.state, trial.user_attrs["reason"], trial.user_attrs["detail"]) == (
        TrialState.FAIL,
        "non_finite",
        "step 3",
    )
    assert trial.user_attrs["ray_trial"] == "a"
    assert searcher.remaining == 3


def test_what_was_interrupted_runs_again_with_the_same_parameters(tmp_path, storage):
    searcher = StudySearcher(create_or_load(storage, "i"), spec(tmp_path))
    told, killed = searcher.suggest("told"), searcher.suggest("killed")
    searcher.fail("told", INTERRUPTED, "the budget is spent")  # this driver had time to close it
    assert reconcile(searcher.study, Records(tmp_path), episodes=2).queued == (1,)  # and not this one
    assert not searcher.study.get_trials(states=(TrialState.RUNNING,))
    again = StudySearcher(create_or_load(storage, "i"), spec(tmp_path))
    assert again.remaining == 4
    configs = [again.suggest("c"), again.suggest("d")]
    assert [config["trial"] for config in configs] == [told["trial"], killed["trial"]]
    assert [config["number"] for config in configs] == [2, 3]


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_interruptions_do_not_change_what_is_suggested(sampler, tmp_path, storage):
    asked_for = spec(tmp_path, search={"sampler": sampler}, budget={"trials": 6})
    undisturbed = drive(StudySearcher(create_or_load(storage, "undisturbed"), asked_for), 6)
    configs = []
    for life in range(3):  # each finishes one trial and leaves two, one of them closed
        searcher = StudySearcher(create_or_load(storage, "killed"), asked_for)
        configs += drive(searcher, 1)
        searcher.suggest(f"closed {life}")
        searcher.suggest(f"killed {life}")
        searcher.fail(f"closed {life}", INTERRUPTED, "the sweep was interrupted")
        reconcile(searcher.study, Records(tmp_path), episodes=2)
    configs += drive(StudySearcher(create_or_load(storage, "killed"), asked_for), 6)
    assert sorted(str(config["trial"]) for config in configs) == sorted(str(each["trial"]) for each in undisturbed)


def test_pruned_trials_count_and_keep_their_value(tmp_path, storage):
    searcher = StudySearcher(create_or_load(storage, "p"), spec(tmp_path))
    searcher.suggest("a")
    searcher.complete("a", 0.7, {"episodes": 1}, pruned=True)
    [trial] = searcher.study.trials
    assert (trial.state, trial.intermediate_values) == (TrialState.PRUNED, {1: 0.7})
    assert searcher.remaining == 3


def test_a_pickle_of_it_is_empty(tmp_path, storage):
    searcher = StudySearcher(create_or_load(storage, "q"), spec(tmp_path))
    assert vars(pickle.loads(pickle.dumps(searcher))) == {}


def test_a_storage_that_fails_ends_the_suggestions_without_raising(tmp_path, storage, monkeypatch):
    searcher = StudySearcher(create_or_load(storage, "e"), spec(tmp_path))
    storage = searcher.study._storage
    monkeypatch.setattr(storage, "create_new_trial", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    assert isinstance(searcher.suggest("reference"), dict)  # it waits since the study was made
    assert searcher.suggest("a") == "FINISHED"
    assert str(searcher.error) == "disk full"
    assert searcher.suggest("b") == "FINISHED"
