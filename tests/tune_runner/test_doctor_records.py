"""Every way in which records and score files can be damaged is named, and mended where that is possible."""

import shutil

import pytest

from tests.tune_runner.doctored import (
    is_queued_again,
    lines,
    named_and_mended,
    scores,
    trials,
    unsealed,
    write_lines,
)
from tune_runner.reconcile import load_study

pytestmark = pytest.mark.slow  # a real MLflow database for every case


def test_a_torn_last_line_is_cut_off(sweep):
    with (sweep.directory / "records.jsonl").open("ab") as file:
        file.write(b'{"trial": 9')
    before = lines_whole(sweep.directory)
    assert "torn off after 11 bytes" in named_and_mended(sweep.directory, "torn_line")
    assert lines(sweep.directory) == before


def lines_whole(directory) -> list[dict]:
    return [unsealed(line) for line in (directory / "records.jsonl").read_text().splitlines()[:-1]]


def test_a_damaged_line_is_set_aside_and_its_trial_runs_again(sweep):
    path = sweep.directory / "records.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first[:100] + b"\n" + b"".join(rest))
    output = named_and_mended(sweep.directory, "damaged_line", "orphan_scores", "records_lost")
    assert "trial 0: the study says COMPLETE after 2 episodes; the records have 1" in output
    is_queued_again(sweep.directory, 0)
    [aside] = sweep.directory.glob("set-aside/*/records.jsonl")
    assert aside.read_bytes() == first[:100] + b"\n"


def test_of_doubled_records_the_first_stays(sweep):
    entries = lines(sweep.directory)
    write_lines(sweep.directory, [*entries, entries[0] | {"host": "elsewhere"}])
    named_and_mended(sweep.directory, "doubled_record")
    assert lines(sweep.directory) == entries
    assert all(path.is_file() for path in (scores(sweep.directory, 0, 0), scores(sweep.directory, 0, 1)))


def test_scores_without_a_record_and_unfinished_files_are_set_aside(sweep):
    shutil.copy(scores(sweep.directory, 0), scores(sweep.directory, 9))
    (sweep.directory / "scores/.trial-0001-episode-000.npz.77.tmp").write_bytes(b"half")
    (sweep.directory / ".context.json.77.tmp").write_bytes(b"half")
    (sweep.directory / "artifacts/.trial-0001.tmp").mkdir(parents=True)
    named_and_mended(sweep.directory, "orphan_scores", *["unfinished_file"] * 3)
    assert len(list(sweep.directory.glob("set-aside/*/scores/*.npz"))) == 1


@pytest.mark.parametrize("trial", [0, 2], ids=["complete", "pruned"])
@pytest.mark.parametrize("damage", ["missing", "cut", "of another shape"])
def test_lost_scores_make_their_trial_run_again(sweep, damage, trial):
    file = scores(sweep.directory, trial)
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-50])
    else:
        entries = lines(sweep.directory)
        del next(each for each in entries if each["trial"] == trial)["rows"][-1]
        write_lines(sweep.directory, entries)
    expected = ["scores_lost"] + ["records_lost"] * (damage == "of another shape" and trial == 0)
    expected += ["attribute"] * (damage == "of another shape" and trial == 2)  # its rows
    output = named_and_mended(sweep.directory, *expected)
    assert f"trial {trial}, episode 0: recorded, but scores/trial-000{trial}-episode-000.npz" in output
    is_queued_again(sweep.directory, trial)


def test_a_lost_record_makes_its_trial_run_again_and_the_old_study_is_kept(sweep):
    write_lines(
        sweep.directory, [each for each in lines(sweep.directory) if (each["trial"], each["episode"]) != (1, 1)]
    )
    before = [(trial.state, trial.value) for trial in trials(sweep.directory)]
    named_and_mended(sweep.directory, "orphan_scores", "records_lost")
    is_queued_again(sweep.directory, 1)
    assert trials(sweep.directory)[0].value == before[0][1]
    [kept] = sweep.directory.glob("set-aside/*/study.db")
    assert [(trial.state, trial.value) for trial in load_study(kept.parent).get_trials()] == before
