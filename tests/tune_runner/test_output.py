"""Streams that nobody reads, on a full disk, closed or without a descriptor; and commands that print to them."""

import io
import os
import subprocess
import sys
import threading

import pytest
from rich.console import Console

from tests.tune_runner.driven import Driven
from tune_runner import cli
from tune_runner.output import Output, lost, say, tell, usable_streams


class Gone(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


def test_a_stream_that_fails_is_remembered_and_what_follows_goes_to_stderr(capsys):
    stream = Output(Gone(OSError(28, "No space left on device")))
    console = Console(file=stream)
    assert lost(console) == ""
    console.print("a table")
    assert lost(console) == "standard output cannot be written: No space left on device"
    console.print("more of it")
    tell(console, "how to go on")
    assert capsys.readouterr().err == "how to go on\n"


def test_a_broken_pipe_does_not_end_the_process():
    console = Console(file=Output(Gone(BrokenPipeError(32, "Broken pipe"))))
    console.print("a table")
    assert "Broken pipe" in lost(console)


def test_a_stream_that_works_passes_everything_on(capsys):
    console = Console(file=Output(sys.stdout), width=20)
    console.print("a table")
    tell(console, "a [note]")
    assert capsys.readouterr().out == "a table\na [note]\n"


@pytest.mark.parametrize("stream", [None, io.StringIO(), Gone(OSError(5, "Input/output error"))])
def test_saying_something_never_raises(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    say("text")
    assert stream is None or isinstance(stream, Gone) or stream.getvalue() == "text\n"


@pytest.mark.parametrize("closed", [True, False])
def test_where_there_is_no_stream_there_is_one_within(closed, monkeypatch):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream if closed else None)
    with usable_streams():
        print("text", file=sys.stderr)
        assert os.get_inheritable(sys.stderr.fileno())
    assert sys.stderr is (stream if closed else None)


def run(words, folder, **streams):
    """A process of the command line, its exit code and what it said on stderr."""
    with subprocess.Popen(
        [sys.executable, "-m", "tune_runner", *map(str, words)], cwd=folder, text=True, **streams
    ) as p:
        _, error = p.communicate(timeout=300)
    return p.returncode, error


@pytest.mark.parametrize("word", ["--help", "report"])
@pytest.mark.slow
def test_a_full_disk_for_stdout_is_one_line(word, untracked, tmp_path):
    words = [word] if word == "--help" else [word, untracked.directory]
    with open("/dev/full", "w") as full:
        code, error = run(words, tmp_path, stdout=full, stderr=subprocess.PIPE)
    assert code == 1
    assert error == "standard output cannot be written: No space left on device\n"


@pytest.mark.slow
def test_a_report_whose_reader_goes_away_is_made(untracked, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    (untracked.directory / "report.html").unlink(missing_ok=True)
    code, error = run(["report", untracked.directory], tmp_path, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (code, error) == (0, "")
    assert (untracked.directory / "report.html").is_file()


@pytest.mark.slow
def test_a_sweep_whose_reader_goes_away_stops_as_by_ctrl_c(driven: Driven, capsys):
    stream = Gone(BrokenPipeError(32, "Broken pipe"))
    driven.output = Output(io.StringIO())
    driven.on("ended", lambda: setattr(driven.output, "_stream", stream))
    assert driven.start(budget={"trials": 4}) == 1
    assert driven.states().count("COMPLETE") < 4
    driven.check_closed()
    assert driven.runs()["tiny"] == "KILLED"
    error = capsys.readouterr().err
    assert "standard output cannot be written: Broken pipe" in error
    assert f"--resume {driven.directory}" in error
    assert (driven.directory / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("stderr", [None, io.StringIO()], ids=["none", "without a descriptor"])
def test_called_from_a_thread_without_a_usable_stderr(driven: Driven, stderr, monkeypatch):
    driven.start()  # writes the sweep's file
    file = driven.folder / "sweep.yaml"
    monkeypatch.setattr(sys, "stderr", stderr)
    codes = []
    thread = threading.Thread(target=lambda: codes.append(cli.main(["--sweep", str(file)])))
    thread.start()
    thread.join(300)
    assert codes == [0]
