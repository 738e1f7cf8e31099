"""What optuna-dashboard shows of a sweep's study: learning curves, the metric's name, and parameters as written.

The dashboard's own server answers here, without a socket.
"""

import json
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from optuna_dashboard import wsgi

from tests.tune_runner import planted
from tune_runner import run
from tune_runner.objective import metric_name
from tune_runner.reconcile import reconcile, verdict
from tune_runner.searcher import StudySearcher

BETA = {"beta": {"log_complement": [0.9, 0.999]}, "n_a": {"choice": [1, 3]}, "steps": {"choice": [0, 2]}}
EPISODES = 3


def shown(sweep: planted.Planted) -> dict[str, Any]:
    """The dashboard's page of the one study, as its server sends it to the browser."""
    application = wsgi(RDBStorage(f"sqlite:///{sweep.directory / 'study.db'}"))
    environment: dict[str, Any] = {}
    setup_testing_defaults(environment)
    environment |= {"PATH_INFO": "/api/studies/1", "QUERY_STRING": "after=0"}
    status = []
    body = b"".join(application(environment, lambda line, *_: status.append(line)))
    assert status == ["200 OK"], body
    return json.loads(body)


def running_means(sweep: planted.Planted, number: int, episodes: int) -> list[float]:
    """The objective of the best row over the first episode, the first two, and so on, from the records alone."""
    rows = [[row.search.auroc for row in record.rows] for record in sweep.records.of(number)]
    assert len(rows) >= episodes
    firsts = [rows[:count] for count in range(1, episodes + 1)]
    return [max(sum(values) / len(first) for values in zip(*first, strict=True)) for first in firsts]


@pytest.fixture
def sweep(tmp_path):
    return planted.begin(tmp_path, episodes=EPISODES, space=BETA)


def live(sweep: planted.Planted, episodes: int) -> tuple[str, int]:
    """A trial after some episodes, each reported when it is recorded, as the driver does."""
    ray_trial, number = sweep.suggest()
    for episode in range(episodes):
        sweep.record(ray_trial, number, episode)
        sweep.searcher.report(ray_trial, episode + 1, verdict(sweep.records.of(number)).value)
    return ray_trial, number


def curve(trial: dict[str, Any]) -> list[float]:
    points = trial["intermediate_values"]
    assert [point["step"] for point in points] == list(range(1, len(points) + 1))
    return [float(point["value"]) for point in points]


def test_a_running_trial_shows_its_curve_so_far(sweep):
    _, number = live(sweep, 2)
    page = shown(sweep)
    assert page["has_intermediate_values"]
    assert page["trials"][number]["state"] == "Running"
    assert curve(page["trials"][number]) == pytest.approx(running_means(sweep, number, 2), abs=1e-12)


@pytest.mark.parametrize("pruned", [False, True])
def test_a_trial_that_ended_shows_its_curve_and_ends_in_its_value(sweep, pruned):
    ray_trial, number = live(sweep, 2 if pruned else EPISODES)
    result = verdict(sweep.records.of(number))
    sweep.searcher.complete(ray_trial, result.value, result.attributes, pruned=pruned, running=result.running)
    trial = shown(sweep)["trials"][number]
    assert trial["state"] == ("Pruned" if pruned else "Complete")
    assert curve(trial) == pytest.approx(running_means(sweep, number, 2 if pruned else EPISODES), abs=1e-12)
    assert curve(trial)[-1] == result.value


def test_a_trial_that_the_records_complete_shows_the_curve_of_an_undisturbed_one(sweep):
    _, number = live(sweep, 1)  # then the driver was killed, with two more on the way
    ray_trial = sweep.records.of(number)[0].ray_trial
    for episode in (1, 2):
        sweep.record(ray_trial, number, episode)
    for _ in range(2):
        reconcile(sweep.study, sweep.records, episodes=EPISODES)
        trial = shown(sweep)["trials"][number]
        assert trial["state"] == "Complete"
        assert curve(trial) == pytest.approx(running_means(sweep, number, EPISODES), abs=1e-12)


def test_a_trial_whose_worker_died_and_began_again_reports_each_episode_once(sweep, recwarn):
    ray_trial, number = live(sweep, 2)
    before = sweep.study.trials[number].intermediate_values
    sweep.searcher.report(ray_trial, 1, before[1])
    sweep.searcher.report("a trial of another driver", 1, 0.5)
    assert sweep.study.trials[number].intermediate_values == before
    assert not [warning for warning in recwarn if "already reported" in str(warning.message)]


@pytest.mark.parametrize(
    ("objective", "name"), [("auroc", "search AUROC"), ("compactness", "compactness"), ("loss", "-loss")]
)
def test_the_metric_has_its_name_and_opening_a_study_warns_of_nothing(tmp_path, objective, name, recwarn):
    sweep = planted.begin(tmp_path, objective=objective)
    assert metric_name(objective) == name
    assert shown(sweep)["objective_names"] == sweep.study.metric_names == [name]
    assert not [warning for warning in recwarn if "xperimental" in str(warning.message)]


def test_a_study_that_an_earlier_version_left_without_a_name_gets_one_when_it_goes_on(sweep):
    storage = sweep.searcher.study._storage
    storage.set_study_system_attr(sweep.searcher.study._study_id, "study:metric_names", None)
    assert sweep.study.metric_names is None
    run.open_study(sweep.directory, sweep.prepared.spec)
    assert sweep.study.metric_names == ["search AUROC"]


def test_beta_is_shown_as_it_was_written_and_trained_with(sweep):
    for _ in range(3):
        sweep.finish()
    page = shown(sweep)
    betas = [
        float(attribute["value"])
        for trial in page["trials"]
        for attribute in trial["user_attrs"]
        if attribute["key"] == "beta"
    ]
    assert betas == [sweep.records.of(number)[0].training.beta for number in range(3)]
    assert betas[0] == 0.99, "the reference comes first"
    assert "beta" in [attribute["key"] for attribute in page["union_user_attrs"]]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_what_is_reported_changes_nothing_that_a_sampler_suggests(tmp_path, monkeypatch, sampler):
    """Enough trials that both use what they saw, some of them pruned and one always running."""
    asked = {}
    for name in ("reported", "not reported"):
        sweep = planted.begin(tmp_path / name, search={"sampler": sampler}, budget={"trials": 30})
        if name == "not reported":  # as earlier versions did: the last value of a pruned trial alone
            monkeypatch.setattr(StudySearcher, "report", lambda *_: None)
        _, waiting = live(sweep, 1)
        asked[name] = [sweep.configs[waiting]]
        for index in range(14):
            ray_trial, number = live(sweep, 1 if index % 3 == 0 else 2)
            result = verdict(sweep.records.of(number))
            running = result.running if name == "reported" else ()
            ended = {"pruned": index % 3 == 0, "running": running}
            sweep.searcher.complete(ray_trial, result.value, result.attributes, **ended)
            asked[name].append(sweep.configs[number])
        states = {trial.state for trial in sweep.study.trials}
        assert states == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING}
        reports = sum(len(trial.intermediate_values) for trial in sweep.study.trials)
        assert reports == (1 + 5 + 9 * 2 if name == "reported" else 5 + 9)
    assert asked["reported"] == asked["not reported"]
    assert len({str(config) for config in asked["reported"]}) == 15
