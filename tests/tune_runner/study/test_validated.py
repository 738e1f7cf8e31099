"""Best against reference of planted effects, on the sweep's own episodes and on fresh ones."""

from copy import deepcopy

import pytest

from tests.tune_runner import planted
from tests.tune_runner.tiny import TINY
from tune_runner import run, validation
from tune_runner.searcher import StudySearcher
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.reference import reference_row
from tune_runner.study.scored import completed, rows
from tune_runner.study.validated import against_reference, validated

NOISE = EpisodeNoise()  # what the sweep says of its support sets: nothing
SPACE = {
    "lambda_pp": {"choice": [0.0, 0.8]},
    "projector_out": {"choice": [8, 16]},
    "negative_augmentation": {"choice": ["none", "void"]},
    "n_a": {"choice": [1, 3]},
}


def strength(training):
    """void helps, lambda_pp hurts a little, projector_out does nothing."""
    return 0.5 + 1.5 * (training.negative_augmentation == "void") - 0.1 * training.lambda_pp


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    trainer = {name: value for name, value in TINY["trainer"].items() if name not in SPACE}
    folder = tmp_path_factory.mktemp("validated")
    planted.images(folder / "images", normal=80, abnormal=60)
    begun = planted.begin(
        folder,
        space=SPACE,
        trainer=trainer,
        search={"sampler": "grid", "reference": {"lambda_pp": 0.8, "projector_out": 8}},
        budget={"trials": 8},
        validation={"episodes": 3, "path": True},
    )
    begun.strength = strength
    while begun.searcher._waiting:
        begun.finish()
    return begun


@pytest.fixture(scope="module")
def best(sweep):
    return max(completed(sweep.study), key=lambda trial: trial.value)


@pytest.fixture(scope="module")
def again(sweep, best):
    """The validation, run."""
    spec = validation.specification(sweep.prepared.spec, best, None)
    folder = validation.folder(sweep.directory, best.number, sweep.prepared.spec.validation)
    run.write_spec(spec, folder)
    prepared = validation.prepare(sweep.prepared, spec)
    begun = planted.Planted(prepared, folder, StudySearcher(run.open_study(folder, spec), spec), strength)
    assert validated(sweep.prepared, best, sweep.directory, NOISE) is None  # nothing has finished
    while begun.searcher._waiting:
        begun.finish()
    return begun


def test_the_best_is_better_than_the_reference_and_the_planted_setting_is_why(sweep, best):
    found = against_reference(sweep.prepared, completed(sweep.study), best, sweep.records, NOISE, 1)
    assert best.params["negative_augmentation"] == "void"
    assert found.better_in == found.of == 2
    assert 0 < found.interval[0] <= found.difference <= found.interval[1]
    assert found.difference == pytest.approx(found.auroc - found.other_auroc)
    assert found.p < 0.01


def test_nothing_is_claimed_of_a_reference_that_was_not_run_or_is_the_best(sweep, best):
    trials = completed(sweep.study)
    others = [trial for trial in trials if trial.params["lambda_pp"] == 0.0]
    assert against_reference(sweep.prepared, others, best, sweep.records, NOISE, 1) is None
    reference = next(
        trial
        for trial in trials
        if trial.params == {"lambda_pp": 0.8, "projector_out": 8, "negative_augmentation": "none"}
    )
    found = rows(sweep.records.of(reference.number)[0])
    at_its_row = deepcopy(reference)
    at_its_row.user_attrs["best_row"] = found[reference_row(found)]
    assert against_reference(sweep.prepared, trials, at_its_row, sweep.records, NOISE, 1) is None
    elsewhere = deepcopy(reference)
    elsewhere.user_attrs["best_row"] = found[1 - reference_row(found)]
    assert against_reference(sweep.prepared, trials, elsewhere, sweep.records, NOISE, 1).of == 2


def test_a_validation_has_support_sets_that_no_trial_has_seen(sweep, again):
    before = {tuple(episode.train_rows) for episode in sweep.prepared.episodes}
    after = {tuple(episode.train_rows) for episode in again.prepared.episodes}
    assert len(after) == 3
    assert not before & after
    assert {episode.index for episode in again.prepared.episodes} == {2, 3, 4}


def test_the_path_tells_which_setting_made_the_difference(sweep, best, again):
    found = validated(sweep.prepared, best, sweep.directory, NOISE)
    assert found.episodes == 3
    assert found.best.shown
    assert found.best.of == 3
    by_name = {step.one: step for step in found.steps}
    assert by_name["negative_augmentation = void"].shown
    assert all(not step.shown for name, step in by_name.items() if name.startswith("projector_out"))
    assert sum(step.difference for step in found.steps) == pytest.approx(found.best.difference)


def test_the_configurations_of_a_path_end_at_the_best(sweep, best, again):
    fields = [trial.params for trial in completed(again.study)]
    assert fields[0] == {"lambda_pp": 0.8, "projector_out": 8, "negative_augmentation": "none"}
    assert fields[1] == best.params
    differing = [
        sum(a[name] != b[name] for name in a) for a, b in zip(fields[2:], [fields[0], *fields[2:]], strict=False)
    ]
    assert differing == [1] * len(differing)
