"""What people see while a sweep runs, by what their terminal can do."""

import io

import pytest
from rich.console import Console

from tune_runner.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines(file, **environment) -> str:
    console = Console(file=file, width=120, _environ=environment)
    with Progress(console, total=1, done=0, failed=0, banner="") as progress:
        progress.started(0, {"a": 1})
        progress.ended(0, "complete", "0.9")
    return file.getvalue()


def test_a_terminal_has_a_table():
    text = lines(Terminal(), TERM="xterm")
    assert "[1/1]" not in text
    assert "search AUROC" in text


@pytest.mark.parametrize(
    ("file", "environment"),
    [
        (Terminal, {"TERM": "dumb"}),
        (Terminal, {"TERM": "unknown"}),
        (Terminal, {"TERM": "xterm", "TTY_INTERACTIVE": "0"}),
        (io.StringIO, {"FORCE_COLOR": "1"}),
        (io.StringIO, {"TTY_COMPATIBLE": "1"}),
        (io.StringIO, {}),
    ],
)
def test_everything_else_has_a_line_for_each_trial(file, environment):
    text = lines(file(), **environment)
    assert "[1/1] trial 0 complete 0.9  a=1" in text
    assert len(text.splitlines()) == 1
