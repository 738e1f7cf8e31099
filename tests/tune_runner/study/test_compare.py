"""Sweeps side by side."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from tune_runner import cli
from tune_runner.study.compare import _rank_correlation


def effect(parameter, difference, p=0.2):
    return {
        "parameter": parameter,
        "better": "a",
        "worse": "b",
        "difference": difference,
        "interval": [difference - 0.01, difference + 0.01],
        "p": p,
    }


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")

    def one(folder, name, effects, test=0.9, too_few=()):
        directory = tmp_path / folder
        directory.mkdir()
        best = {"test_auroc": test, "test_interval": [test - 0.02, test + 0.02]}
        summary = {"name": name, "best": best, "effects": effects, "too_few": list(too_few)}
        (directory / "summary.json").write_text(json.dumps(summary))
        return str(directory)

    return one


def test_effects_stand_side_by_side_with_their_ranks(write, capsys):
    sizes = {"a": 0.2, "b": 0.1, "c": 0.05, "d": 0.01}
    one = write("1", "solder", [effect(name, size, 0.01) for name, size in sizes.items()])
    other = write("2", "tile", [effect(name, size / 2) for name, size in sizes.items()], test=0.8)
    assert cli.main(["compare", one, other]) == 0
    out = capsys.readouterr().out
    assert "90.0 [88.0, 92.0]" in out
    assert "80.0 [78.0, 82.0]" in out
    assert out.count("] *") == 3  # of `d` the interval holds 0, whatever its p-value
    assert "solder and tile: rank agreement of 4 settings tested in both +1.00 (Spearman, p 0.083)" in out
    assert "shown in both: none" in out
    assert "Skipping the comparison of settings across data sets: compare: " in out  # there are only the reports


def test_a_setting_of_one_sweep_only_and_few_common_ones(write, capsys):
    one = write("1", "same", [effect("a", 0.2)])
    other = write("2", "same", [effect("b", 0.2)])
    assert cli.main(["compare", one, other]) == 0
    out = capsys.readouterr().out
    assert "same 1 and same 2: not enough evidence for their agreement: 0 of 4 settings tested in both" in out


def test_only_settings_that_were_tested_in_both_are_ranked(write, capsys):
    sizes = {"a": 0.2, "b": 0.1, "c": 0.05, "d": 0.03, "e": 0.01}
    one = write("1", "solder", [effect(name, size, 0.01) for name, size in sizes.items()])
    fewer = [effect(name, 0.3 - size, 0.01 if name == "a" else 0.9) for name, size in sizes.items() if name != "e"]
    other = write("2", "tile", fewer, too_few=[{"parameter": "e", "trials": 4, "needed": 10}])
    assert cli.main(["compare", one, other]) == 0
    out = capsys.readouterr().out
    assert "rank agreement of 4 settings tested in both -1.00" in out
    assert "shown in both: a" in out


def test_the_p_value_is_that_of_all_orders():
    """Four of four in the same order: 1 of 24, and as many the other way round."""
    assert _rank_correlation([1, 2, 3, 4], [10, 20, 30, 40]) == (pytest.approx(1), pytest.approx(2 / 24))
    assert _rank_correlation([1, 1, 1, 1], [10, 20, 30, 40]) == (0, 1)
    one, other = np.random.default_rng(0).normal(size=(2, 6))
    assert _rank_correlation(one, other)[0] == pytest.approx(spearmanr(one, other).statistic)


@pytest.mark.parametrize("text", [None, "{", "{}", '{"best": null, "effects": [{"parameter": "a"}]}'])
def test_a_report_that_is_missing_or_old_is_named(tmp_path, text, capsys):
    if text is not None:
        (tmp_path / "summary.json").write_text(text)
    assert cli.main(["compare", str(tmp_path)]) == 2
    assert f"`report {tmp_path}` makes it" in capsys.readouterr().err
