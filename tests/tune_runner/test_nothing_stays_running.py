"""Whatever ends a sweep, in whatever phase: nothing of it stays RUNNING, in the study or in a real MLflow."""

import os
import signal
import sqlite3
import threading

import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError

from tune_runner import callback, closing, directory, plan, progress, run, searcher, tracking, validation
from tune_runner.journal import RecordingError

pytestmark = pytest.mark.slow


class Bug(Exception):
    """What nobody foresaw."""


def raises(error):
    def action():
        raise error

    return action


def interrupts(number=signal.SIGINT):
    return lambda: os.kill(os.getpid(), number)


def test_a_whole_sweep_is_closed(driven):
    assert driven.start() == 0, driven.text
    assert driven.states() == ["COMPLETE", "COMPLETE"]
    assert driven.runs() == {"tiny": "FINISHED", "trial-0000": "FINISHED", "trial-0001": "FINISHED"}
    assert "stopped before the end" not in driven.text


PHASES = {
    "setup": lambda driven, action: driven.before(run, "outcomes", action),
    "trial": lambda driven, action: driven.on("begun", action),
    "between trials": lambda driven, action: driven.on("ended", action),
    "callback": lambda driven, action: driven.before(callback, "verdict", action),
    "report": lambda driven, action: driven.before(run.report, "make", action),
    "terminal": lambda driven, action: driven.before(run.report, "show", action),
    "headline": lambda driven, action: driven.before(run, "_headline", action),
}
VALIDATED = {"validation": {"episodes": 1}}
OF_VALIDATION = {
    "validation": lambda driven, action: driven.before(validation, "prepare", action),
    "report of the validation": lambda driven, action: driven.before(run.report, "make", action),
}


def start(driven, phase) -> int:
    """With a validation, where it would come later, and where it is the phase."""
    after = phase in ("report", "terminal", "headline", *LATE)
    return driven.start(**({} if after else VALIDATED))


@pytest.mark.parametrize("phase", {**PHASES, **OF_VALIDATION})
def test_an_unexpected_exception_keeps_its_name_and_everything_is_closed(driven, phase):
    EVERY[phase](driven, raises(Bug("unforeseen")))
    with pytest.raises(Bug, match="unforeseen") as caught:
        start(driven, phase)
    assert any(entry.name == "action" for entry in caught.traceback), "the traceback leads to where it was raised"
    driven.check_closed()
    assert driven.runs()["tiny"] == "FAILED"
    assert f"--resume {driven.directory}" in driven.text
    assert "Bug: unforeseen" in driven.text


def test_an_exception_within_a_validations_own_trials_closes_both_sweeps(driven):
    driven.on("ended", lambda: driven.on("ended", lambda: driven.on("begun", raises(Bug("in its first trial")))))
    with pytest.raises(Bug):
        driven.start(**VALIDATED)
    driven.check_closed()
    assert sorted(driven.runs().values()) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]


EARLY = {
    "directory": lambda driven, action: driven.before(directory, "write_spec", action),
    "study": lambda driven, action: driven.before(run, "open_study", action),
    "tracker": lambda driven, action: driven.before(tracking, "Store", action),
}
LATE = {
    "closing": lambda driven, action: driven.before(closing.Closing, "_close_tracker", action),
    "disconnecting": lambda driven, action: driven.on("disconnecting", action),
}
EVERY = {**EARLY, **PHASES, **OF_VALIDATION, **LATE}


@pytest.mark.parametrize(
    ("phase", "number"),
    [*((phase, signal.SIGINT) for phase in EVERY)]
    + [(phase, number) for phase in ("trial", "report") for number in (signal.SIGTERM, signal.SIGHUP)],
)
def test_an_interrupt_in_any_phase_says_how_to_go_on_and_everything_is_closed(driven, phase, number, capfd):
    EVERY[phase](driven, lambda: os.kill(os.getpid(), number))
    before = signal.signal(number, signal.default_int_handler)  # under nohup a closed terminal would be ignored
    try:
        assert start(driven, phase) == 130, driven.text
    finally:
        signal.signal(number, before)
    driven.check_closed()
    assert f"--resume {driven.directory}" in driven.text + capfd.readouterr().err
    validations = list((driven.directory / "validation").glob("*/study.db"))
    assert bool(validations) == (phase in OF_VALIDATION), "nothing new is begun after it"


def test_an_interrupt_before_there_is_a_directory_leaves_none(driven):
    driven.before(plan, "prepare", lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        driven.start()
    assert not (driven.folder / "runs").exists()


def test_rays_own_answer_to_sigterm_while_it_starts_is_an_interrupt(driven):
    driven.on("connecting", raises(SystemExit(15)))
    with pytest.raises(KeyboardInterrupt):
        driven.start()


def test_a_sweep_that_was_interrupted_in_any_phase_goes_on(driven):
    driven.on("begun", lambda: os.kill(os.getpid(), signal.SIGINT))
    assert driven.start() == 130
    assert driven.resume() == 0, driven.text
    assert sorted(driven.states()) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert driven.runs()["tiny"] == "FINISHED"


def test_a_spent_budget_starts_neither_trials_nor_a_validation(driven):
    driven.before(callback, "verdict", lambda: driven.halts[0].limit(-1))
    assert driven.start(**VALIDATED) == 0
    driven.check_closed()
    assert "the wall-time budget is spent" in driven.text
    assert f"--resume {driven.directory}" in driven.text
    assert not (driven.directory / "validation").exists()
    assert driven.runs()["tiny"] == "KILLED"


@pytest.mark.parametrize(
    "error",
    [
        StorageInternalError("(sqlite3.OperationalError) database is locked"),
        sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked")),
        sqlite3.OperationalError("database is locked"),
        OSError(28, "No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("place", ["suggest", "complete", "report"])
def test_the_disks_errors_are_told_as_such(driven, error, place):
    where = {
        "suggest": (searcher.StudySearcher, "_suggest"),
        "complete": (searcher.StudySearcher, "complete"),
        "report": (run.report, "make"),
    }
    driven.before(*where[place], raises(error))
    with pytest.raises(RecordingError, match=r"database is locked|No space left"):
        driven.start()
    driven.check_closed()
    assert f"--resume {driven.directory}" in driven.text


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset"), TimeoutError("of a library"), TypeError("a bug")]
)
def test_other_errors_are_not(driven, error):
    driven.before(searcher.StudySearcher, "complete", raises(error))
    with pytest.raises(type(error)):
        driven.start()
    driven.check_closed()


def test_the_artifacts_are_there_when_it_ends_whether_or_not_mlflow_is_on(driven):
    driven.uri = None
    threads = []
    driven.before(progress.Progress, "started", lambda: threads.extend(thread.name for thread in threading.enumerate()))
    assert driven.start() == 0
    assert "artifacts" in threads
    for trial in (0, 1):
        folder = driven.directory / "artifacts" / f"trial-{trial:04d}"
        names = {path.name for path in folder.iterdir()}
        assert names >= {"config.yaml", "scores.csv", "roc.png", "score_histogram.png", "gallery.png"}
    assert not (driven.directory / "tracking.jsonl").exists()
