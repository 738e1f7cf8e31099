"""The command line's options: every command with every option, verbs among options, and mistakes of the shell."""

import pytest

from tests.tune_runner.test_imports import HEAVY, run
from tune_runner import cli, options

COMMANDS = {
    "--sweep": ["--sweep", "file.yaml"],
    "--sweep --dry-run": ["--sweep", "file.yaml", "--dry-run"],
    "--resume": ["--resume", "dir"],
    "--reproduce": ["--reproduce", "dir", "--trial", "3"],
    "--sync": ["--sync", "dir"],
    "doctor": ["doctor", "dir"],
    "report": ["report", "dir"],
    "compare": ["compare", "dir", "other"],
    "data": ["data", "folder"],
    "paper": ["paper", "table1"],
    "paper --dry-run": ["paper", "table1", "--dry-run"],
    "paper --read": ["paper", "table1", "--read", "dir"],
}
OPTIONS = {
    "sweep": ["--sweep", "file.yaml"],
    "set": ["--set", "seed=1"],
    "allow_partial": ["--allow-partial"],
    "address": ["--address", "auto"],
    "insecure": ["--address", "auto", "--insecure"],
    "tracking_uri": ["--tracking-uri", "sqlite:///a #b.db"],
    "trial": ["--trial", "3"],
    "fix": ["--fix"],
    "root": ["--root", "dir"],
    "read": ["--read", "dir"],
    "dry_run": ["--dry-run"],
    "verbose": ["--verbose"],
}


def refused(words, capsys) -> str:
    with pytest.raises(SystemExit) as end:
        options.parse(words)
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_the_matrix_names_every_command_and_every_option():
    assert set(COMMANDS) == set(options.TAKES)
    given = vars(options.parse(["report", "dir"]))
    assert set(OPTIONS) == set(given) - {"command", *options._MODES}
    assert set().union(*options.TAKES.values()) <= set(OPTIONS)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_an_option_or_refuses_it_by_name(command, option, capsys):
    words, more = COMMANDS[command], OPTIONS[option]
    if more[0] in words:
        return  # a part of the command itself
    if option in ("dry_run", "read") and f"{command} {more[0]}" in options.TAKES:
        assert options.parse([*words, *more]).command == f"{command} {more[0]}"
    elif option in options.TAKES[command]:
        for arguments in ([*words, *more], [*more, *words]):
            given = options.parse(arguments)
            assert given.command == command
            assert getattr(given, option) not in (None, False, [])
    else:
        message = refused([*words, *more], capsys)
        assert more[0] in message
        assert "goes with" in message or "not allowed with" in message


def test_every_option_that_is_taken_reaches_what_the_command_calls(monkeypatch, tmp_path):
    """The options that a command takes are handed on; what it does with them is tested where that is."""
    calls = []

    def record(name, result):
        def call(*arguments, **keywords):
            calls.append((name, arguments, keywords))
            return result

        return call

    for name, result in {
        "launch.start": (0, tmp_path),
        "launch.resume": 0,
        "dry_run.dry_run": 0,
        "data.data": 0,
        "doctor.doctor": 0,
        "reproduce.reproduce": 0,
        "rebuild.rebuild": 0,
        "study.compare.compare": 0,
        "tracking.sync": type("Report", (), {"sent": 0, "unsent": 0, "problem": ""}),
        "paper.command.dry_run": 0,
        "paper.command.tell": 0,
        "reconcile.outcomes_of": [],
        "reopening.is_tracked": True,
    }.items():
        monkeypatch.setattr(f"tune_runner.{name}", record(name, result))
    values = {
        "set": ["seed=1"],
        "address": ["auto"],
        "insecure": ["insecure=True"],
        "tracking_uri": ["sqlite:///a #b.db"],
        "allow_partial": ["'allow_partial': True"],
        "fix": ["'fix': True"],
        "root": ["somewhere"],
        "sweep": ["other.yaml"],
    }
    words = {**OPTIONS, "root": ["--root", "somewhere"], "sweep": ["--sweep", "other.yaml"]}
    for command, taken in options.TAKES.items():
        for option in taken - {"verbose", "trial"}:
            calls.clear()
            assert cli.main([*COMMANDS[command], *words[option]]) == 0, (command, option)
            text = repr(calls)
            assert all(value in text for value in values[option]), (command, option, text)


@pytest.mark.parametrize(
    "words",
    [
        ["--verbose", "doctor", "dir", "--fix"],
        ["--tracking-uri", "sqlite:///x.db", "doctor", "dir", "--fix"],
        ["--tracking-uri=sqlite:///x.db", "--fix", "doctor", "dir"],
        ["--fix", "--doctor", "dir"],
    ],
)
def test_a_verb_may_stand_behind_options(words):
    given = options.parse(words)
    assert given.command == "doctor"
    assert str(given.doctor) == "dir"
    assert given.fix


def test_a_directory_may_be_called_as_a_verb_is(capsys):
    assert str(options.parse(["--resume", "doctor"]).resume) == "doctor"
    assert [str(path) for path in options.parse(["--compare", "report", "doctor"]).compare] == ["report", "doctor"]
    assert "not allowed with argument --resume" in refused(["--resume", "dir", "doctor", "dir"], capsys)


def test_options_without_a_value_are_those_that_the_parser_takes_so():
    flags = [action.option_strings for action in options.parser()._actions if action.nargs == 0]
    assert {name for names in flags for name in names} == set(options.FLAGS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sweep", "a", "--sweep", "b"], "--sweep is given twice"),
        (["--sweep", "a", "--tracking-uri", "x", "--tracking-uri", "y"], "--tracking-uri is given twice"),
        (["--sweep", "a", "--tracking-uri", ""], "it is empty; is a variable of the shell not set?"),
        (["--sweep", "a", "--address", " "], "it is empty"),
        (["--resume", ""], "it is empty"),
        (["report", ""], "it is empty"),
        (["--sweep", "a", "--insecure"], "--insecure goes with --address"),
        (["--reproduce", "a"], "--reproduce needs --trial N"),
        (["--sweep", "a", "report", "b"], "--sweep goes with --resume only"),
        (["--sweep", "a", "--report", "b"], "--sweep goes with --resume only"),
    ],
)
def test_what_would_be_ignored_is_refused(words, message, capsys):
    assert message in refused(words, capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([verb, "--help"] for verb in options.VERBS),
        [],
        ["--nonsense"],
        ["report"],
        ["report", "dir", "--tracking-uri", "x"],
        ["--reproduce", "dir", "--trial", "one"],
    ],
)
def test_help_version_and_mistakes_load_nothing_that_takes_time(arguments):
    modules = run(*arguments, code=0 if {"--help", "--version"} & set(arguments) else 2)
    assert not {*HEAVY, "numpy", "pydantic", "matplotlib"} & modules


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("tune-runner ")
