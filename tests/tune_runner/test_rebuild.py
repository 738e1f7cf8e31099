"""The report again, from a sweep's directory alone."""

import csv
import json
from dataclasses import replace

import pytest
from PIL import Image

from coftad.types import InputError
from tests.tune_runner import planted
from tune_runner import cli, run
from tune_runner.study.summary import summarise


@pytest.fixture
def sweep(tmp_path):
    return planted.whole_sweep(tmp_path)


def test_it_says_what_the_sweeps_own_report_said(sweep, capsys):
    summary = summarise(sweep.prepared, sweep.study, sweep.records, {})
    assert cli.main(["report", str(sweep.directory)]) == 0
    again = json.loads((sweep.directory / "summary.json").read_text())
    assert again["best"]["test_auroc"] == summary.best.test_auroc
    assert again["effects"] == json.loads(json.dumps([vars(effect) for effect in summary.effects]))
    assert "test AUROC" in capsys.readouterr().out
    assert "test AUROC" not in (sweep.directory / "trials.csv").read_text()


def test_the_tables_hold_every_trial_and_every_row(sweep):
    assert cli.main(["report", str(sweep.directory)]) == 0
    with (sweep.directory / "trials.csv").open() as file:
        trials = list(csv.DictReader(file))
    assert [trial["state"] for trial in trials] == ["complete", "complete", "pruned", "fail"]
    assert trials[3]["reason"] == "non_finite"
    with (sweep.directory / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = [
        (record.trial, record.episode, row.steps, row.scoring.n_a, row.search.auroc)
        for record in sorted(sweep.records.read(), key=lambda each: (each.trial, each.episode))
        for row in record.rows
    ]
    keys = ("trial", "episode", "steps", "n_a")
    assert [(*(int(row[key]) for key in keys), float(row["auroc"])) for row in rows] == expected


def test_other_images_are_refused(sweep, capsys):
    sweep.study.set_user_attr("images", {"all": sweep.prepared.image_set.digest})
    first = next((sweep.directory.parents[2] / "images" / "normal").iterdir())
    Image.new("L", (32, 32)).save(first)
    assert cli.main(["report", str(sweep.directory)]) == 2
    assert "the images are not those of" in capsys.readouterr().err


def test_a_sweep_does_not_go_on_with_other_images_or_weights(sweep):
    run._same_inputs(sweep.study, sweep.prepared, sweep.directory)
    run._same_inputs(sweep.study, sweep.prepared, sweep.directory)
    [(name, weights)] = sweep.prepared.weights.items()
    others = {
        r"the images \(all\) are not those of": {"image_set": replace(sweep.prepared.image_set, digest="0" * 64)},
        r"the weights \(resnet18\) are not those of": {"weights": {name: replace(weights, sha256="0" * 64)}},
    }
    for said, change in others.items():
        with pytest.raises(InputError, match=said):
            run._same_inputs(sweep.study, replace(sweep.prepared, **change), sweep.directory)


def test_a_trial_is_not_repeated_from_other_weights(sweep, capsys):
    sweep.study.set_user_attr("weights", {"resnet18": "0" * 64})
    assert cli.main(["--reproduce", str(sweep.directory), "--trial", "0"]) == 2
    assert "the weights of resnet18 are not those of" in capsys.readouterr().err


def test_a_folder_that_is_no_sweep_is_one_line(tmp_path, capsys):
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "is not a sweep's directory" in capsys.readouterr().err
