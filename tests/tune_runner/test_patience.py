"""Others may look into study.db, also for long: the sweep waits for them."""

import sqlite3
import threading
import time

import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from tests.tune_runner import planted
from tune_runner import patience
from tune_runner.reconcile import STUDY, load_study

LOCKS = {
    "reader": ("BEGIN", "SELECT count(*) FROM trials"),
    "writer": ("BEGIN IMMEDIATE",),
    "exclusive": ("BEGIN EXCLUSIVE",),
}


class Holder:
    """Another program that holds a lock on a study for some seconds."""

    def __init__(self, path, kind, seconds):
        self._held = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(path, kind, seconds))

    def _hold(self, path, kind, seconds):
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in LOCKS[kind]:
            connection.execute(statement).fetchall()
        self._held.set()
        time.sleep(seconds)
        connection.execute("COMMIT")
        connection.close()

    def __enter__(self):
        self._thread.start()
        assert self._held.wait(10)

    def __exit__(self, *_):
        self._thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOCKS)
def test_a_study_that_others_hold_for_longer_than_sqlite_waits_is_waited_for(kind, tmp_path):
    sweep = planted.begin(tmp_path)
    with Holder(sweep.directory / STUDY, kind, 6.5):  # SQLite's own limit is 5 s
        assert sweep.finish() == 0
        [trial] = load_study(sweep.directory).get_trials()
    assert trial.state == TrialState.COMPLETE


@pytest.mark.slow
def test_patience_ends_and_other_errors_have_none(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE", 0.2)
    sweep = planted.begin(tmp_path)
    with Holder(sweep.directory / STUDY, "exclusive", 3), pytest.raises(StorageInternalError):
        sweep.searcher.study.set_user_attr("a", 1)
    monkeypatch.setattr(patience, "PATIENCE", 60.0)
    connection = sqlite3.connect(tmp_path / "other.db", **patience.ENGINE["connect_args"])
    start = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        connection.cursor().execute("SELECT * FROM absent")
    assert time.monotonic() - start < 5
