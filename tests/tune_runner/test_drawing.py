"""Artifacts from a background thread: each trial once, whatever fails, and never for longer than it may take."""

import threading

from tests.mlflow_server import until
from tests.tune_runner.tracked import record_trial
from tune_runner import child_run
from tune_runner.directory import artifact_folder
from tune_runner.drawing import Drawing


def test_trials_are_drawn_once_and_those_without_records_are_done(context):
    for trial in (0, 1):
        record_trial(context, trial)
    drawing, told = Drawing(context), []
    drawing.listen(lambda: told.append(drawing.left))
    for trial in (0, 1, 7, 0):
        drawing.add(trial)
    assert drawing.wait(60)
    assert drawing.close(10) == 0
    assert drawing.over
    assert all((artifact_folder(context.directory, trial) / "config.yaml").is_file() for trial in (0, 1))
    assert not artifact_folder(context.directory, 7).exists()
    until(lambda: told == [2, 1, 0, 0], 10)


def test_a_trial_that_cannot_be_drawn_does_not_keep_the_others(context, monkeypatch, caplog):
    record_trial(context, 0)
    record_trial(context, 1)
    real = child_run.draw

    def draw(context, records, episodes, folder):
        if episodes[0].trial == 0:
            raise ValueError("no room")
        real(context, records, episodes, folder)

    monkeypatch.setattr(child_run, "draw", draw)
    drawing = Drawing(context)
    drawing.add(0)
    drawing.add(1)
    assert drawing.wait(60)
    assert drawing.tried(0)
    assert "trial 0 has no pictures: ValueError: no room" in caplog.text
    assert artifact_folder(context.directory, 1).is_dir()


def test_what_there_was_no_time_for_is_left_to_a_later_driver(context, monkeypatch):
    goes_on = threading.Event()
    monkeypatch.setattr(child_run, "draw", lambda *_: goes_on.wait(60))
    for trial in (0, 1):
        record_trial(context, trial)
    drawing = Drawing(context)
    drawing.add(0)
    drawing.add(1)
    assert drawing.close(0.2) == 2
    goes_on.set()
    until(lambda: drawing.over, 10)
    assert drawing.tried(0)
    assert not drawing.tried(1)
    drawing.add(2)
    assert drawing.tried(2), "nothing waits for what will never be drawn"


def test_what_is_there_already_is_not_drawn_again(context, monkeypatch):
    monkeypatch.setattr(child_run, "draw", lambda *_: 1 / 0)
    artifact_folder(context.directory, 0).mkdir(parents=True)
    drawing = Drawing(context)
    drawing.add(0)
    assert drawing.tried(0)
    assert drawing.close(10) == 0
