"""Sweeps that began when frozen statistics were the default are held against what they began with."""

import pytest

from coftad.types import FineTuning
from tests.tune_runner.planted import begin
from tune_runner import designs
from tune_runner.as_begun import as_begun
from tune_runner.designs import fields_of
from tune_runner.reopening import reopen
from tune_runner.run import open_study
from tune_runner.searcher import StudySearcher
from tune_runner.study.reference import reference_trial
from tune_runner.study.scored import completed

SPACE = {"lambda_pp": {"choice": [0.0, 0.8]}, "batch_norm": {"choice": ["train", "frozen"]}, "n_a": {"choice": [1]}}


@pytest.fixture
def earlier(monkeypatch):
    """While it is called, the default is the earlier one."""

    def begun(folder, **changes):
        with monkeypatch.context() as patch:
            patch.setattr(designs, "_PAPERS", {**vars(FineTuning()), "batch_norm": "frozen"})
            planted = begin(folder, space=SPACE, **changes)
            for _ in range(3):
                planted.finish()
        return planted

    return begun


@pytest.mark.parametrize("sampler", ["random", "one_at_a_time"])
def test_the_reference_of_an_earlier_sweep_is_the_one_that_it_began_with(earlier, tmp_path, sampler):
    planted = earlier(tmp_path, search={"sampler": sampler}, budget={"trials": 3})
    prepared, study = reopen(planted.directory, "report")
    trial = reference_trial(prepared.spec, completed(study))
    assert trial is not None
    assert fields_of(prepared.spec.space, trial.params) == {"lambda_pp": 0.8, "batch_norm": "frozen"}
    study = open_study(planted.directory, planted.prepared.spec)  # its fingerprint is what it was
    assert StudySearcher(study, as_begun(planted.prepared.spec, study)).remaining == 0
    if sampler == "one_at_a_time":
        assert [trial.params for trial in completed(study)] == designs.points(prepared.spec.space, prepared.spec.search)


@pytest.mark.parametrize(
    "search",
    [{"sampler": "random"}, {"sampler": "grid"}, {"sampler": "random", "reference": {"batch_norm": "frozen"}}],
)
def test_other_sweeps_are_left_as_they_are(tmp_path, search):
    planted = begin(tmp_path, space=SPACE, search=search)
    assert as_begun(planted.prepared.spec, planted.study) == planted.prepared.spec
    planted.finish()
    assert reopen(planted.directory, "report")[0].spec.search == planted.prepared.spec.search


def test_where_the_mode_was_fixed_the_file_names_it(tmp_path):
    planted = begin(tmp_path)
    assert planted.prepared.spec.trainer.fixed["batch_norm"] == "train"
    text = (planted.directory / "sweep.yaml").read_text()
    assert text.count("batch_norm: train") == 1
    (planted.directory / "sweep.yaml").write_text(text.replace("batch_norm: train", "batch_norm: frozen"))
    assert reopen(planted.directory, "report")[0].spec.trainer.fixed["batch_norm"] == "frozen"
    planted.finish()
    assert '"batch_norm":"train"' in (planted.directory / "records.jsonl").read_text()
