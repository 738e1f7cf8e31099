"""The report beside a sweep: made when something is new, never twice at once, and no failure of it ends the sweep."""

import threading
import time

import pytest
from optuna.exceptions import StorageInternalError

from tests.mlflow_server import until
from tune_runner.refresh import Refresher


def test_it_is_made_again_only_when_something_ended():
    made = []
    with Refresher(lambda: made.append(1), print, every=0.02) as refresher:
        time.sleep(0.1)
        assert made == []
        refresher.ended()
        until(lambda: made == [1], 5)
        time.sleep(0.1)
        assert made == [1]
        refresher.ended()
        until(lambda: made == [1, 1], 5)


def test_leaving_waits_for_the_one_that_is_being_made():
    begun, done = threading.Event(), threading.Event()

    def make():
        begun.set()
        time.sleep(0.2)
        done.set()

    with Refresher(make, print, every=0.01) as refresher:
        refresher.ended()
        assert begun.wait(5)
    assert done.is_set()


def test_a_disk_that_is_full_is_said_once_and_it_goes_on():
    said, tried = [], []

    def make():
        tried.append(1)
        raise OSError(28, "No space left on device")

    with Refresher(make, said.append, every=0.01) as refresher:
        while len(tried) < 3:
            refresher.ended()
            time.sleep(0.01)
    assert len(said) == 1
    assert "No space left on device" in said[0]


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), StorageInternalError("database is locked\n[SQL: ...]"), SystemExit(1), KeyError()]
)
def test_it_survives_anything_and_says_each_kind_once(error):
    said, tried = [], []

    def make():
        tried.append(1)
        raise error if len(tried) < 4 else OSError(28, "No space left on device")

    with Refresher(make, said.append, every=0.01) as refresher:
        while len(tried) < 6:
            refresher.ended()
            time.sleep(0.01)
    assert len(said) == 2
    assert type(error).__name__ in said[0]
    assert "\n" not in said[0]
