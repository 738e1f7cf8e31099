"""Notes of how a worker ended: of this user alone, and never the reason that a trial is lost."""

import os
import subprocess
import sys
import time

from tune_runner import deathbed
from tune_runner.deathbed import Note


def use(note: Note) -> None:
    """All that a trial does with its note."""
    assert note.last_words() is None
    with note.watching(None):
        pass
    note.count_crash()
    note.forget()


def test_a_note_is_read_by_the_next_attempt(tmp_path):
    Note("trial", tmp_path / "notes").path.write_text("Fatal Python error: Segmentation fault\n\n  File x.py, line 1\n")
    again = Note("trial", tmp_path / "notes")
    assert again.last_words() == ("crash", "Fatal Python error: Segmentation fault File x.py, line 1")
    again.count_crash()
    assert (again.crashes(), again.last_words()) == (1, None)
    again.count_crash()
    assert again.crashes() == 2
    again.forget()
    assert not list((tmp_path / "notes").iterdir())


def test_each_user_has_a_folder(monkeypatch):
    mine = deathbed._own_folder()
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert deathbed._own_folder() != mine


def test_a_folder_that_is_a_file_or_a_link_is_not_used(tmp_path):
    (tmp_path / "file").touch()
    use(Note("trial", tmp_path / "file"))
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    use(Note("trial", tmp_path / "link"))
    assert not list((tmp_path / "there").iterdir())


def test_without_a_note_the_deadline_holds(tmp_path):
    (tmp_path / "file").touch()
    script = (
        "import time, sys; from pathlib import Path; from tune_runner.deathbed import Note\n"
        "with Note('t', Path(sys.argv[1])).watching(time.monotonic() + 0.2): time.sleep(60)"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "file")], timeout=55, check=False)
    assert done.returncode == 1
    assert time.monotonic() - begun < 50


SECOND_USER = """
import os, sys
from pathlib import Path
from tune_runner.deathbed import Note
from tests.tune_runner.test_deathbed import use
os.setgid(54321)
os.setuid(54321)
use(Note("trial"))
use(Note("trial", Path(sys.argv[1])))
"""


def test_a_second_user_runs_beside_the_first(tmp_path):
    tmp_path.chmod(0o755)
    first = Note("trial", tmp_path / "notes")
    first.path.write_text("Fatal Python error\n")
    if os.getuid() != 0:  # only root can be another user; whoever is not is kept out by the folder's mode
        (tmp_path / "notes").chmod(0)
        use(Note("trial", tmp_path / "notes"))
        (tmp_path / "notes").chmod(0o700)
        return
    done = subprocess.run(
        [sys.executable, "-c", SECOND_USER, str(tmp_path / "notes")],
        env={**os.environ, "TMPDIR": "/tmp", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert first.last_words() is not None
