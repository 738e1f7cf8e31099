"""A driver may be killed between any two of its steps, and so may what tidies up after it."""

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.tune_runner import planted
from tune_runner import checksums
from tune_runner.journal import RecordingError
from tune_runner.reconcile import load_study, outcomes, outcomes_of, reconcile, verdict
from tune_runner.records import Records
from tune_runner.searcher import StudySearcher, create_or_load
from tune_runner.trial_state import DUPLICATE, INTERRUPTED, counted


class Killed(BaseException):
    pass


def frozen(study: optuna.Study) -> list[tuple]:
    return [
        (
            trial.number,
            trial.state,
            trial.value,
            trial.params,
            trial.user_attrs,
            trial.system_attrs,
            trial.intermediate_values,
        )
        for trial in study.get_trials()
    ]


def test_a_trial_that_was_recorded_and_not_told_is_told_and_not_run_again(tmp_path):
    sweep = planted.begin(tmp_path)
    ray_trial, number = sweep.suggest()
    for episode in range(2):
        sweep.record(ray_trial, number, episode)
    told = reconcile(sweep.study, sweep.records, episodes=2)
    assert (told.told, told.queued) == ((number,), ())
    [trial] = sweep.study.get_trials()
    result = verdict(sweep.records.of(number))
    assert trial.state == TrialState.COMPLETE
    assert trial.value == result.value == max(row["auroc"] for row in trial.user_attrs["rows"])
    assert trial.user_attrs["ray_trial"] == ray_trial
    assert trial.user_attrs["episodes"] == len(trial.user_attrs["per_episode"]) == 2
    assert sum(trial.user_attrs["per_episode"]) / 2 == pytest.approx(trial.value)
    assert StudySearcher(sweep.study, sweep.prepared.spec).remaining == 3


def test_what_is_told_is_what_the_driver_would_have_told(tmp_path):
    undisturbed, killed = planted.begin(tmp_path / "a"), planted.begin(tmp_path / "b")
    undisturbed.finish()
    ray_trial, number = killed.suggest()
    for episode in range(2):
        killed.record(ray_trial, number, episode)
    reconcile(killed.study, killed.records, episodes=2)
    [expected], [found] = undisturbed.study.get_trials(), killed.study.get_trials()
    assert found.user_attrs.pop("reason") is None
    for trial in (found, expected):  # it holds when the trial began
        assert trial.user_attrs.pop(checksums.ATTRIBUTE)
    assert (found.value, found.params, found.user_attrs) == (expected.value, expected.params, expected.user_attrs)
    assert found.intermediate_values == expected.intermediate_values
    assert len(found.intermediate_values) == 2


@pytest.mark.parametrize("damage", ["missing episode", "lost scores", "damaged scores"])
def test_a_trial_that_is_not_whole_runs_again_with_the_same_configuration(tmp_path, damage):
    sweep = planted.begin(tmp_path)
    ray_trial, number = sweep.suggest()
    for episode in range(1 if damage == "missing episode" else 2):
        sweep.record(ray_trial, number, episode)
    file = sweep.directory / sweep.records.of(number)[0].scores_file
    if damage == "lost scores":
        file.unlink()
    elif damage == "damaged scores":
        file.write_bytes(file.read_bytes()[:-100])
    found = reconcile(sweep.study, sweep.records, episodes=2)
    assert (found.told, found.queued) == ((), (number,))
    again = StudySearcher(sweep.study, sweep.prepared.spec)
    assert again.remaining == 4
    assert again.suggest("again")["trial"] == sweep.configs[number]
    assert reconcile(sweep.study, sweep.records, episodes=2).queued == (1,), "killed once more"
    assert reconcile(sweep.study, sweep.records, episodes=2).queued == ()


def test_a_configuration_taken_from_the_queue_is_not_lost_before_its_parameters_are_asked_for(tmp_path):
    """A grid's points exist nowhere else."""
    space = {"lambda_pp": {"choice": [0.0, 0.4]}, "negative_augmentation": {"choice": ["none", "void"]}}
    sweep = planted.begin(tmp_path, space=space, search={"sampler": "grid"})
    sweep.searcher.study.ask()
    assert len(reconcile(sweep.study, sweep.records, episodes=2).queued) == 1
    again = StudySearcher(sweep.study, sweep.prepared.spec)
    points = [again.suggest(f"ray_{index}")["trial"]["training"] for index in range(4)]
    assert len({(point["lambda_pp"], point["negative_augmentation"]) for point in points}) == 4


def test_a_fresh_trial_without_parameters_leaves_nothing_in_the_queue(tmp_path):
    study = create_or_load(f"sqlite:///{tmp_path}/study.db", "fresh")
    study.ask()
    assert reconcile(study, Records(tmp_path), episodes=2).queued == ()
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL]


def test_an_interrupted_configuration_that_never_reached_the_queue_is_queued_once(tmp_path, monkeypatch):
    sweep = planted.begin(tmp_path)
    ray_trial, number = sweep.suggest()

    def killed(*_args, **_options):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "enqueue_trial", killed)
        with pytest.raises(Killed):
            sweep.searcher.fail(ray_trial, INTERRUPTED, "the budget is spent")
    assert reconcile(sweep.study, sweep.records, episodes=2).queued == (number,)
    assert reconcile(sweep.study, sweep.records, episodes=2).queued == ()
    assert StudySearcher(sweep.study, sweep.prepared.spec).suggest("again")["trial"] == sweep.configs[number]


def test_a_reason_that_was_noted_and_not_told_is_told(tmp_path):
    sweep = planted.begin(tmp_path)
    for why in ("non_finite", DUPLICATE):
        sweep.suggest()
        trial = sweep.searcher.study.get_trials()[-1]
        sweep.searcher.study._storage.set_trial_user_attr(trial._trial_id, "reason", why)
    assert reconcile(sweep.study, sweep.records, episodes=2).queued == ()
    assert [trial.user_attrs["reason"] for trial in sweep.study.get_trials()] == ["non_finite", DUPLICATE]
    assert counted(sweep.study.get_trials()) == 1


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory):
    """Two trials left RUNNING, one with all and one with half of its episodes recorded."""
    sweep = planted.begin(tmp_path_factory.mktemp("left"))
    whole, partial = sweep.suggest(), sweep.suggest()
    for episode in range(2):
        sweep.record(*whole, episode)
    sweep.record(*partial, 0)
    return sweep


@pytest.mark.parametrize("writes", range(1, 19))
def test_cut_short_after_any_write_it_is_completed_by_the_next_call(left_behind, tmp_path, monkeypatch, writes):
    directory = planted.copied(left_behind, tmp_path)
    sweep = planted.Planted(left_behind.prepared, directory, left_behind.searcher)
    storage = type(sweep.study._storage)
    count = 0

    def counting(name):
        real = getattr(storage, name)

        def write(*arguments, **options):
            nonlocal count
            count += 1
            if count > writes:
                raise Killed
            return real(*arguments, **options)

        return write

    with monkeypatch.context() as patch:
        for name in (
            "set_trial_user_attr", "set_trial_intermediate_value", "set_trial_state_values", "create_new_trial"
        ):  # fmt: skip
            patch.setattr(storage, name, counting(name))
        cut = False
        try:
            reconcile(sweep.study, sweep.records, episodes=2)
        except Killed:
            cut = True
    assert cut == (writes < 18), "eighteen writes are all there are"
    reconcile(sweep.study, sweep.records, episodes=2)
    trials = sweep.study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    assert trials[2].user_attrs == {"retry_of": 1}
    assert counted(trials) == 1
    before = frozen(sweep.study)
    assert reconcile(sweep.study, sweep.records, episodes=2).queued == ()
    assert frozen(sweep.study) == before


def test_a_trial_told_from_the_records_counts_though_a_reason_was_noted_before(tmp_path):
    sweep = planted.begin(tmp_path)
    ray_trial, number = sweep.suggest()
    for episode in range(2):
        sweep.record(ray_trial, number, episode)
    [trial] = sweep.searcher.study.get_trials()
    sweep.searcher.study._storage.set_trial_user_attr(trial._trial_id, "reason", INTERRUPTED)
    assert reconcile(sweep.study, sweep.records, episodes=2).told == (number,)
    assert counted(sweep.study.get_trials()) == 1


def test_outcomes_are_those_that_count_and_say_what_was_trained(tmp_path):
    sweep = planted.whole_sweep(tmp_path)
    sweep.searcher.done = 0  # one more than was asked for
    ray_trial, _ = sweep.suggest()
    sweep.searcher.fail(ray_trial, INTERRUPTED, "stopped")
    found = outcomes(sweep.study, sweep.prepared.spec)
    assert [(each.trial, each.state, each.reason) for each in found] == [
        (0, "complete", ""),
        (1, "complete", ""),
        (2, "pruned", ""),
        (3, "failed", "non_finite"),
    ]
    assert found[3].message == "step 3"
    assert found[3].training.lambda_pp == sweep.study.get_trials()[3].params["lambda_pp"]
    assert [each.ray_trial for each in found] == [f"ray_{trial}" for trial in range(4)]
    assert outcomes_of(sweep.directory) == found
    (sweep.directory / "sweep.yaml").unlink()
    assert [each.trial for each in outcomes_of(sweep.directory)] == [0, 1, 2, 3]
    (sweep.directory / "study.db").unlink()
    assert outcomes_of(sweep.directory) == []


@pytest.mark.slow
def test_outcomes_that_the_tracker_never_heard_of_reach_mlflow_once(tmp_path):
    sweep = planted.begin(tmp_path, tracking={"uri": f"sqlite:///{tmp_path}/mlflow.db"})
    sweep.finish()
    sweep.finish()
    for sent in (2, 0):
        tracker = sweep.tracker()
        for outcome in outcomes(sweep.study, sweep.prepared.spec):
            tracker.ended(outcome)
        assert tracker.close(60) == 0, tracker.problem
        assert tracker.sent == sent


def test_a_study_is_found_under_its_directorys_new_name_and_never_made(tmp_path):
    assert load_study(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    sweep = planted.whole_sweep(tmp_path / "a")
    moved = sweep.directory.rename(tmp_path / "moved")
    found = load_study(moved)
    assert found is not None
    assert len(found.get_trials()) == 4
    create_or_load(f"sqlite:///{moved}/study.db", "another")
    with pytest.raises(RecordingError, match="holds 2 studies, expected one: "):
        load_study(moved)
    Path(moved / "study.db").write_bytes(b"not a database" * 100)
    with pytest.raises(RecordingError, match=r"study\.db: cannot be read as a study: "):
        load_study(moved)
