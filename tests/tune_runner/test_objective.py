"""A sweep that chooses by a criterion without labels: what is told, chosen, shown and mended."""

import csv
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from coftad.datasets import protocol
from coftad.metrics import Metrics
from coftad.trial import TrialConfig
from coftad.types import FineTuning, ScorerName, Scoring
from tests.coftad.test_trial import images
from tests.tune_runner import planted
from tests.tune_runner.faults import Quick
from tests.tune_runner.planted import SHARE
from tests.tune_runner.sweep_files import SMALL, Files
from tune_runner import build_context, child_run, tuning
from tune_runner.context import Outcome, SweepContext
from tune_runner.doctor import diagnose
from tune_runner.objective import best_row, mean_criteria, values
from tune_runner.reconcile import reconcile
from tune_runner.records import RowRecord
from tune_runner.spec import load
from tune_runner.spec_model import Search
from tune_runner.study.scored import completed, search_auroc
from tune_runner.study.summary import best_trial, summarise
from tune_runner.study.tables import write_tables
from tune_runner.trainable import CoftTrainable, Failure, Inputs

PLACES = [0.3, 0.9, 0.5, 0.4]  # compactness of the four rows: the second has the most, whatever its AUROC


def criteria(row, episode):
    found = {"compactness": PLACES[row] + 0.01 * episode, "loss": 1 - PLACES[row]}
    return found if row > 1 else {name: value for name, value in found.items() if name != "loss"}


def row(auroc, **criteria):
    return RowRecord(steps=0, scoring=Scoring(), search=Metrics(auroc, 0.5, 0.5), criteria=criteria)


def test_what_is_maximised():
    rows = [row(0.7, loss=2.0, compactness=0.1), row(0.6, loss=1.0)]
    assert values(rows, "auroc").tolist() == [0.7, 0.6]
    assert values(rows, "loss").tolist() == [-2.0, -1.0]
    np.testing.assert_array_equal(values(rows, "compactness"), [0.1, np.nan])
    assert mean_criteria(rows) == {"loss": 1.5}


def test_the_best_row_is_the_first_of_equals_and_has_the_objective_in_every_episode():
    assert best_row(np.array([[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])) == 0
    assert best_row(np.array([[np.nan, 0.1, 0.2], [0.9, 0.1, 0.0]])) == 1
    with pytest.raises(ValueError, match="NaN"):
        best_row(np.full((2, 3), np.nan))


@pytest.fixture(scope="module", params=["compactness", "loss"])
def sweep(request, tmp_path_factory):
    """Three complete trials; tests may add more."""
    folder = tmp_path_factory.mktemp("objective")
    begun = planted.begin(folder, objective=request.param, budget={"trials": 9})
    begun.criteria = criteria
    for _ in range(3):
        begun.finish()
    return begun


def chosen(sweep):
    """The row with the best criterion, and its value."""
    return (1, 0.905) if sweep.prepared.spec.objective == "compactness" else (2, -0.5)


def learned(sweep):
    """What the sampler learns: the best criterion after fine-tuning, which rows 2 and 3 have seen."""
    return 0.505 if sweep.prepared.spec.objective == "compactness" else -0.5


def test_the_study_is_told_the_criterion_and_keeps_the_auroc_beside_it(sweep):
    row, value = chosen(sweep)
    for trial in completed(sweep.study):
        rows = trial.user_attrs["rows"]
        assert trial.value == pytest.approx(learned(sweep))
        assert trial.user_attrs["best_value"] == pytest.approx(value)
        assert trial.user_attrs["best_row"] == {name: rows[row][name] for name in trial.user_attrs["best_row"]}
        assert search_auroc(trial) == rows[row]["auroc"] != trial.value
        assert rows[1]["criteria"] == {"compactness": pytest.approx(0.905)}
    assert best_trial(sweep.study) == 0


def test_what_a_driver_left_behind_is_told_alike_and_nobody_disagrees(sweep):
    ray_trial, number = sweep.suggest()
    for episode in range(2):
        sweep.record(ray_trial, number, episode)
    assert [each.kind for each in diagnose(sweep.directory)] == ["finished_untold"]
    assert reconcile(sweep.study, sweep.records, episodes=2, objective=sweep.prepared.spec.objective).told == (number,)
    assert completed(sweep.study)[-1].value == pytest.approx(learned(sweep))
    assert diagnose(sweep.directory) == []


def test_the_report_shows_auroc_and_says_that_no_labels_chose(sweep):
    summary = summarise(sweep.prepared, sweep.study, sweep.records, {})
    by = sweep.prepared.spec.objective
    assert summary.protocol.endswith(f"; chosen by {by}: no labels were used to choose")
    assert summary.best.chosen_by == by
    assert summary.best.search_auroc == completed(sweep.study)[0].user_attrs["rows"][chosen(sweep)[0]]["auroc"]
    assert {effect.parameter for effect in (*summary.effects, *summary.too_few)}.isdisjoint({"criteria", "auroc"})
    write_tables(sweep.directory, sweep.study.get_trials(), sweep.records)
    trials, rows = sweep.directory / "trials.csv", sweep.directory / "rows.csv"
    with trials.open() as file:
        assert [float(line["search_auroc"]) for line in csv.DictReader(file)] == [
            search_auroc(trial) for trial in completed(sweep.study)
        ]
    with rows.open() as file:
        lines = list(csv.DictReader(file))
    assert [line["compactness"] for line in lines[:4]] == ["0.3", "0.9", "0.5", "0.4"]
    assert [line["loss"] for line in lines[:4]] == ["", "", "0.5", "0.6"]
    assert lines[0]["used_negative"] == ""


def test_mlflow_shows_the_chosen_row(sweep):
    spec = sweep.prepared.spec
    tracked = load(sweep.directory / "sweep.yaml", ["tracking={uri: 'sqlite:///mlflow.db', experiment: e}"])
    context = build_context.context(replace(sweep.prepared, spec=tracked), sweep.directory, SHARE)
    context.save()
    assert SweepContext.load(sweep.directory).objective == context.objective == spec.objective
    content = child_run.content(context, Outcome(trial=0, state="complete"), sweep.records.of(0))
    shown = {name: value for name, value, _ in content.metrics}
    rows = completed(sweep.study)[0].user_attrs["rows"]
    row = rows[chosen(sweep)[0]]
    assert shown["auroc"] == pytest.approx(row["auroc"])
    found = {name.partition("/")[2]: value for name, value in shown.items() if name.startswith("criteria/")}
    assert found == pytest.approx(row["criteria"])
    assert content.params["steps"] == str(row["steps"])


def worker_of(sweep):
    """A worker's own, without Ray: it runs the first trial that the study suggests."""
    made = Quick.__new__(Quick)
    made._trial_info = None
    made.inputs = tuning.inputs(sweep.prepared, SHARE)
    _, number = sweep.suggest()
    made.reset_config({"number": number, "trial": sweep.configs[number]})
    return made


def test_a_configuration_without_the_objective_fails_and_says_so(sweep):
    worker = worker_of(sweep)
    found = worker.step()  # its rows have no criteria
    detail = f"{sweep.prepared.spec.objective} does not exist at any point or scoring of this configuration"
    assert found == {"failure": Failure("no_objective", detail), "episodes": 0, "done": True}


def test_ray_hears_of_the_objective(tmp_path):
    sweep = planted.begin(tmp_path)
    worker = worker_of(sweep)
    found = worker.step()
    assert found["objective"] == max(row.search.auroc for row in found["finished"].result.rows)
    asha = tuning.scheduler(replace(sweep.prepared.spec, search=Search(scheduler="asha")))
    assert asha.metric == sweep.searcher.metric == "objective"


def test_the_file_names_it(files: Files) -> None:
    assert files.load(SMALL).objective == "auroc"
    spec = files.load(SMALL + "objective: compactness\n")
    assert spec.objective == "compactness"
    assert files.load(spec.to_yaml()) == spec
    assert spec.fingerprint() != files.load(SMALL).fingerprint()


def test_mistakes_in_it_are_told(files: Files) -> None:
    assert files.problems(SMALL + "objective: compactnes\n") == [
        "s.yaml:3: objective: compactnes is not allowed; one of auroc, unused_negative, used_negative, compactness, "
        "loss is (did you mean compactness?)"
    ]
    where = (
        "objective: used_negative is not allowed with negative_augmentation: none; it measures against the trained one"
    )
    assert files.problems(SMALL + "objective: used_negative\n") == [f"s.yaml:3: {where}"]
    swept = "space: {negative_augmentation: {choice: [none, void]}}\n"
    assert files.problems(SMALL + swept + "objective: used_negative\n") == [f"s.yaml:4: {where}"]
    assert files.load(SMALL + swept.replace("none", "cutpaste") + "objective: used_negative\n")


@pytest.mark.parametrize("objective", ["auroc", "unused_negative"])
def test_whoever_has_no_labels_can_compare_all_scorers(objective):
    """Criteria of forests and PatchCore take long, so they are measured where something is chosen by them."""
    trainable = CoftTrainable.__new__(CoftTrainable)
    drawn = protocol.episode(images(), protocol.Protocol(shots=2), seed=0, index=0)
    trainable.inputs = Inputs((drawn,), {"resnet18": None}, threads=1, device="cpu", objective=objective)
    scorings = tuple(Scoring(n_a=1, scorer=name) for name in get_args(ScorerName))
    trainable.trial = TrialConfig(FineTuning(), (0,), scorings)
    trainable.number = 0
    rows = trainable._run(0).result.rows
    known = {row.scoring.scorer for row in rows if np.isfinite(values([row], "unused_negative")[0])}
    assert known == (set(get_args(ScorerName)) if objective == "unused_negative" else {"gaussian", "knn"})
