"""Standard output that nobody reads, or that has no room, ends in an exit code and not in a traceback."""

import os
import sys

from coftad import output

ROWS = [("path", "score"), ("a.png", 1.5)]


def test_no_reader_is_the_exit_code_that_a_shell_knows(monkeypatch, capfd):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert output.write_table(ROWS) == 141
        print("more", flush=True)  # as the interpreter does at its end
    assert capfd.readouterr().err == ""


def test_no_room_is_told(monkeypatch, capfd):
    with open("/dev/full", "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert output.write_table(ROWS) == 1
        print("more", flush=True)
    assert capfd.readouterr().err == "standard output cannot be written: No space left on device\n"


def test_closed_output_is_told(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stdout", None)
    assert output.write_table(ROWS) == 1
    assert "standard output is closed" in capfd.readouterr().err


def test_a_terminal_in_ascii_gets_the_bytes_of_a_name(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert output.write_table([("pi\u00e8ce.png", 1), ("d\udce9faut.png", 2)]) == 0
    assert (tmp_path / "out").read_bytes() == "pièce.png,1\n".encode() + b"d\xe9faut.png,2\n"
