"""All steps of a trial are in the database together, or none is."""

import signal

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from tune_runner.searcher import create_or_load
from tune_runner.transactions import together


@pytest.fixture
def url(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return f"sqlite:///{tmp_path}/study.db"


def cut_short(study, cut):
    with together(study):
        ask(study)
        cut()


def as_another_process_sees(url):
    return optuna.load_study(study_name="s", storage=url).get_trials()


def commits(study):
    seen = []
    sqlalchemy.event.listen(study._storage._backend.engine, "commit", seen.append)
    return seen


def ask(study):
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.suggest_categorical("y", ["a", "b"])
    trial.set_user_attr("ray_trial", "t")
    return trial


def test_the_steps_of_a_trial_are_one_commit(url):
    study = create_or_load(url, "s")
    seen = commits(study)
    with together(study):
        trial = ask(study)
        assert not as_another_process_sees(url)
        assert set(trial.params) == {"x", "y"}  # while it reads what it wrote
    assert len(seen) == 1
    [found] = as_another_process_sees(url)
    assert (found.state, found.params, found.user_attrs) == (TrialState.RUNNING, trial.params, {"ray_trial": "t"})
    with together(study):
        study.tell(trial, 0.5)
        study.enqueue_trial({"x": 0.1})
    assert len(seen) == 2
    assert [each.state for each in as_another_process_sees(url)] == [TrialState.COMPLETE, TrialState.WAITING]
    with together(study):
        assert ask(study).params["x"] == 0.1
    ask(study)
    assert len(seen) > 5  # alone, each step is a commit as before


@pytest.fixture
def _interruptible():
    """Ctrl-C raises, as in a terminal; a shell that starts the tests with & lets them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_what_is_cut_short_never_happened(url):
    study = create_or_load(url, "s")
    with pytest.raises(KeyboardInterrupt):
        cut_short(study, lambda: signal.raise_signal(signal.SIGINT))
    assert not as_another_process_sees(url)
    with together(study):
        assert ask(study).number == 0
    assert [set(each.params) for each in as_another_process_sees(url)] == [{"x", "y"}]


def test_a_refused_step_is_told_and_takes_back_the_others(url):
    study = create_or_load(url, "s")
    with pytest.raises(StorageInternalError):  # Optuna itself rolls back and goes on where a key is there already
        cut_short(study, study._storage._backend.scoped_session().rollback)
    assert not as_another_process_sees(url)


def test_other_storages_are_left_as_they_are():
    study = optuna.create_study()
    with together(study):
        study.tell(ask(study), 0.5)
    assert len(study.trials) == 1
