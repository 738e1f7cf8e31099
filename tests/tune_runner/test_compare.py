"""Sweeps side by side."""

import json

import pytest

from tune_runner import cli


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

    def one(folder, name, effects, test=0.9):
        directory = tmp_path / folder
        directory.mkdir()
        best = {"test_auroc": test, "test_interval": [test - 0.02, test + 0.02]}
        (directory / "summary.json").write_text(json.dumps({"name": name, "best": best, "effects": effects}))
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
    assert out.count("] *") == 4
    assert "solder and tile: rank agreement of 4 settings +1.00" in out


def test_a_setting_of_one_sweep_only_and_few_common_ones(write, capsys):
    one = write("1", "same", [effect("a", 0.2)])
    other = write("2", "same", [effect("b", 0.2)])
    assert cli.main(["compare", one, other]) == 0
    out = capsys.readouterr().out
    assert "same 1 and same 2: not enough evidence for their agreement: 0 of 4 common settings" in out


@pytest.mark.parametrize("text", [None, "{", "{}", '{"best": null, "effects": [{"parameter": "a"}]}'])
def test_a_report_that_is_missing_or_old_is_named(tmp_path, text, capsys):
    if text is not None:
        (tmp_path / "summary.json").write_text(text)
    assert cli.main(["compare", str(tmp_path)]) == 2
    assert f"`report {tmp_path}` makes it" in capsys.readouterr().err
