"""The command line without a cluster: help, mistakes, dry run."""

import pytest

from tune_runner import cli


def test_help_is_quick_and_names_every_option(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "--sweep",
        "--resume",
        "--reproduce",
        "--dry-run",
        "--set",
        "COFTAD_WEIGHTS",
        "exit codes",
        "study.db",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--sweep"),
        (["--sync", "a", "--resume", "b"], "not allowed with"),
        (["--sweep", "a.yaml", "--sync", "b"], "--sweep goes with --resume only"),
        (["--reproduce", "x"], "--trial"),
        (["--resume", "x", "--dry-run"], "--dry-run goes with --sweep"),
        (["--swep", "x"], "--sweep"),
    ],
)
def test_wrong_options_exit_with_2(arguments, word, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert word in capsys.readouterr().err


def fails(arguments, capsys):
    code = cli.main(arguments)
    return code, capsys.readouterr().err


def test_every_mistake_of_a_file_at_once_with_lines_and_no_traceback(tmp_path, capsys):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: bad\n"
        "dataset: {name: semicon, shots: 1}\n"
        "trainer:\n"
        "  lambda_pp: -1\n"
        "  lamda_np: 0.5\n"
        "space:\n"
        "  beta: {uniform: [0.9, 0.5]}\n"
        "episodes: none\n"
        "episodes: 2\n"
    )
    code, text = fails(["--sweep", str(path)], capsys)
    assert code == 2
    assert "Traceback" not in text
    for line in (2, 4, 5, 7, 9):
        assert f"{path}:{line}:" in text, text
    assert "lambda_np" in text  # what was probably meant


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": {"name": "folder", "root": "nowhere", "shots": 4}}, ["nowhere"]),
        ({"trainer": {"weights": "./none.pth"}}, ["none.pth", "does not exist"]),
    ],
)
def test_missing_files_are_named_before_anything_runs(shell, changes, words, capsys, monkeypatch):
    monkeypatch.chdir(shell.folder)
    code, text = fails(["--sweep", str(shell.write(**changes))], capsys)
    assert code == 2
    assert all(word in text for word in words), text
    assert not (shell.folder / "runs").exists()


@pytest.mark.slow
def test_too_few_images_for_the_shots_says_the_numbers(shell, capsys, monkeypatch):
    monkeypatch.chdir(shell.folder)
    code, text = fails(["--sweep", str(shell.write()), "--set", "dataset.shots=30"], capsys)
    assert code == 2
    assert "30" in text
    assert "40" in text


def test_resume_and_reproduce_of_what_is_not_there(tmp_path, capsys):
    assert fails(["--resume", str(tmp_path)], capsys) == (
        2,
        f"--resume: {tmp_path} is not a sweep's directory: it has no sweep.yaml\n",
    )
    code, text = fails(["--reproduce", str(tmp_path), "--trial", "3"], capsys)
    assert code == 2
    assert "3 has no finished episode" in text


@pytest.mark.slow
def test_a_dry_run_prints_plan_and_cost_and_writes_nothing(shell, capsys, monkeypatch):
    monkeypatch.chdir(shell.folder)
    monkeypatch.setenv("COFTAD_CACHE", str(shell.folder.parent / "cache"))
    forest = "space.scorer={choice: [gaussian, isolation_forest]}"
    assert cli.main(["--sweep", str(shell.write()), "--set", forest, "--dry-run"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "4 trials by tpe",
        "2 episodes each",
        "8 rows a trial",
        "not counted: the fits of isolation_forest",
        "support 4 normal",
        "search 12 normal + 10 anomalous",
    ):
        assert words in text, text
    assert "measured here" in text
    assert {path.name for path in shell.folder.iterdir()} == {"sweep.yaml"}
