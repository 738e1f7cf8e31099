"""Locks: held by another process, or not to be had on this file system."""

import errno
import fcntl
import os

import pytest

from tune_runner.journal import DirectoryInUse, RecordingError
from tune_runner.ledger import Ledger
from tune_runner.lock import driving, in_use


def drive(directory):
    with driving(directory):
        pass


def send(directory):
    Ledger(directory, "sqlite:///x.db#e", "s").close()


@pytest.mark.parametrize("use", [drive, send, in_use])
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_not_a_running_sweep(use, number, tmp_path, monkeypatch):
    for name in ("driver.lock", "tracking.lock"):
        (tmp_path / name).touch()

    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(RecordingError, match="the file system cannot lock files") as caught:
        use(tmp_path)
    assert os.strerror(number) in str(caught.value)
    assert "set `output`" in str(caught.value)


@pytest.mark.parametrize("use", [drive, send])
def test_a_directory_that_is_in_use_says_so(use, tmp_path):
    name = "driver.lock" if use is drive else "tracking.lock"
    with (tmp_path / name).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert in_use(tmp_path)
        with pytest.raises(DirectoryInUse, match="already"):
            use(tmp_path)
    assert not in_use(tmp_path)
    use(tmp_path)
