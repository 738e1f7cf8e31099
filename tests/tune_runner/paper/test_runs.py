"""The folder that a real sweep writes is read as it is."""

import pytest

from tests.tune_runner import planted
from tests.tune_runner.paper.ran import sweep
from tune_runner import run
from tune_runner.paper.runs import read
from tune_runner.paper.scale import scale


def test_a_sweeps_folder_tells_what_was_run(tmp_path):
    begun = planted.begin(tmp_path)
    study, prepared = begun.study, begun.prepared
    run._same_inputs(study, prepared, begun.directory)
    number = begun.finish()

    [found] = read(begun.directory)
    recorded = begun.records.of(number)
    assert len(found.aurocs) == len(recorded[0].rows)
    for row, aurocs in zip(recorded[0].rows, found.aurocs.values(), strict=True):
        assert aurocs[0] == pytest.approx(100 * row.search.auroc)
        assert list(aurocs) == [record.episode for record in recorded]
    assert found.weights == prepared.weight_digests
    assert found.profile == prepared.spec.profile
    assert found.holdout == 0.5
    assert found.partial == ""
    assert found.fits("dataset", "folder")
    assert found.fits("dataset.shots", 4)
    assert not found.fits("dataset.shots", 5)
    assert not found.fits("dataset.normal", "cat")
    assert scale([found]).facts["images"] == "32 px"


def test_a_run_that_did_not_note_what_it_lacked_is_not_taken_for_whole(tmp_path):
    sweep(tmp_path, {"allow_partial": True})
    [found] = read(tmp_path)
    assert "not recorded" in found.partial
