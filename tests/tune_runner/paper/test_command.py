"""`paper TABLE`: which file, what it does, and what it says of names and images that are not there."""

from pathlib import Path

import pytest

from tune_runner import cli
from tune_runner.paper import command

FOLDER = Path(__file__).parents[3] / "sweeps" / "paper"
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_every_table_and_figure_has_a_file():
    figures = [f"figure{number}" for number in (5, 6, 7)]
    assert sorted([*(f"table{number}" for number in range(1, 11)), *figures]) == FILES


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_planned_also_before_its_images_are_there(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COFTAD_DATA", str(tmp_path))
    assert cli.main(["paper", name, "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "lacking" in said
    assert "cost not known without images" in said
    if name != "table9":  # its crops are of a private set
        assert "Get it from http" in said


@pytest.mark.slow
def test_a_file_whose_images_are_there_is_planned_with_its_cost(data_root, weights_root, capsys):
    assert cli.main(["paper", "table4", "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 of 45 parts have images" in said
    assert "mvtec_bottle, 292 images of 32 px" in said


def test_an_unknown_name_is_refused_with_what_is_known(capsys):
    assert cli.main(["paper", "table11"]) == 2
    said = capsys.readouterr().err
    assert "table11 is not allowed" in said
    assert "table10" in said
    assert "figure5" in said
    assert "Traceback" not in said


def test_a_figure_is_drawn_of_the_sweep_that_was_run_and_told_again(ablation, monkeypatch, capsys, tmp_path):
    begun = []

    def start(path, overrides, where, console, *, allow_partial):
        begun.append((path.name, overrides, allow_partial))
        return 0, ablation.directory

    monkeypatch.setattr(command, "start", start)
    monkeypatch.setattr(command, "reopen", lambda directory, name: (ablation.prepared, ablation.study))
    assert cli.main(["paper", "figure7", "--set", "seed=1", "--allow-partial"]) == 0
    assert begun == [("figure7.yaml", ["seed=1"], True)]
    assert "figure7: w/o fine-tuning" in capsys.readouterr().out
    (ablation.directory / "figure7.png").unlink()
    assert cli.main(["paper", "figure7", "--read", str(ablation.directory)]) == 0
    assert (ablation.directory / "figure7.png").stat().st_size > 10_000
    assert len(begun) == 1


def test_an_interrupted_table_is_told_as_far_as_it_came(monkeypatch, capsys, tmp_path):
    told = []
    monkeypatch.setattr(command, "start", lambda *arguments, **options: (130, tmp_path))
    monkeypatch.setattr(command, "tell", lambda name, directory, console: told.append((name, directory)) or 0)
    assert cli.main(["paper", "table1"]) == 130
    assert told == [("table1", tmp_path)]
    assert cli.main(["paper", "figure5"]) == 130, "a figure is of a whole ablation"
    assert len(told) == 1


def test_options_that_do_not_go_together(capsys):
    for words in (
        ["data", "mvtec", "--read", "x"],
        ["paper", "table1", "--root", "x"],
        ["report", "x", "--allow-partial"],
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == 2
