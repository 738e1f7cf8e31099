"""Records survive what a disk and a killed process can do to them."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from coftad.metrics import Metrics
from coftad.types import FineTuning, Scoring
from tune_runner.records import EpisodeRecord, RecordingError, Records, RowRecord, Scores


def record(trial: int, episode: int = 0, auroc: float = 0.75) -> EpisodeRecord:
    return EpisodeRecord(
        trial=trial,
        ray_trial=f"ray_{trial}",
        episode=episode,
        seed=7,
        training=FineTuning(lambda_pp=0.5),
        rows=tuple(
            RowRecord(steps=steps, scoring=Scoring(n_a=n_a), search=Metrics(auroc, 0.5, 0.25))
            for steps in (0, 10)
            for n_a in (1, 5)
        ),
        seconds={"train": 1.5, "score": 0.5},
        finished_at=1.7e9,
        host="here",
        threads=1,
    )


def arrays(value: float = 0.0) -> Scores:
    return Scores(
        scores=np.full((4, 6), value) + np.arange(6) / 3,
        image_rows=np.arange(6)[::-1].copy(),
        losses={"con": np.array([0.1, np.nan]), "all": np.array([0.3, 0.2])},
    )


def test_what_is_appended_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    records = Records(tmp_path)
    assert records.append(record(3, 1), arrays(np.pi))
    again = Records(tmp_path)
    assert again.read() == [record(3, 1)]
    scores = again.scores(again.read()[0])
    assert np.array_equal(scores.scores, arrays(np.pi).scores)
    assert scores.scores.dtype == np.float64
    assert np.array_equal(scores.image_rows, [5, 4, 3, 2, 1, 0])
    assert list(scores.losses) == ["con", "all"]
    assert np.array_equal(scores.losses["con"], [0.1, np.nan], equal_nan=True)


def test_an_episode_is_recorded_once_and_the_first_result_stands(tmp_path: Path) -> None:
    records = Records(tmp_path)
    assert records.append(record(0, auroc=0.9), arrays(1.0))
    assert not records.append(record(0, auroc=0.1), arrays(2.0))
    assert not Records(tmp_path).append(record(0, auroc=0.1), arrays(2.0))
    assert [found.rows[0].search.auroc for found in records.read()] == [0.9]
    assert records.scores(records.read()[0]).scores[0, 0] == 1.0


def test_a_reader_sees_what_another_appends(tmp_path: Path) -> None:
    writer, reader = Records(tmp_path), Records(tmp_path)
    assert reader.episodes() == {}
    assert reader.of(0) == []
    writer.append(record(0, 1), arrays())
    assert reader.episodes() == {0: (1,)}
    writer.append(record(1), arrays())
    writer.append(record(0, 0), arrays())
    assert reader.episodes() == {0: (0, 1), 1: (0,)}
    assert reader.of(0) == [record(0, 0), record(0, 1)]
    assert reader.has(1, 0)
    assert not reader.has(1, 1)


@pytest.mark.parametrize("kept", [1, 40, -2, -1])
def test_a_torn_last_line_is_dropped_and_cut_off(tmp_path: Path, kept: int) -> None:
    records = Records(tmp_path)
    records.append(record(0), arrays())
    records.append(record(1), arrays())
    path = tmp_path / "records.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:kept])
    resumed = Records(tmp_path)
    assert resumed.read() == [record(0)]
    assert resumed.episodes() == {0: (0,)}
    assert resumed.append(record(1), arrays())
    assert resumed.append(record(2), arrays())
    assert [found.trial for found in Records(tmp_path).read()] == [0, 1, 2]
    assert path.read_bytes().startswith(first + second)


def test_a_file_of_nothing_but_a_torn_line_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_bytes(b'{"trial":' + b" " * 3_000_000)  # longer than a block of reading back
    records = Records(tmp_path)
    assert records.read() == []
    assert records.append(record(0), arrays())
    assert records.read() == [record(0)]


def test_damage_within_is_named_not_skipped(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.append(record(0), arrays())
    with (tmp_path / "records.jsonl").open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(RecordingError, match=r"records\.jsonl: damaged line that ends at byte"):
        Records(tmp_path).read()
    with pytest.raises(RecordingError, match="damaged"):
        Records(tmp_path).episodes()


def test_scores_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.append(record(0), arrays())
    path = tmp_path / record(0).scores_file
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RecordingError, match=path.name):
        records.scores(record(0))
    path.unlink()
    with pytest.raises(RecordingError, match="No such file"):
        records.scores(record(0))


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / record(0).scores_file
    path.parent.mkdir()
    np.savez(path, scores=np.array([print], dtype=object), image_rows=np.arange(1))
    with pytest.raises(RecordingError, match="not the scores of a sweep"):
        Records(tmp_path).scores(record(0))


def test_a_record_cannot_point_out_of_its_directory(tmp_path: Path) -> None:
    line = json.loads(record(0).model_dump_json()) | {"scores_file": "../../elsewhere.npz"}
    assert EpisodeRecord.model_validate(line).scores_file == "scores/trial-0000-episode-000.npz"


def test_nan_is_a_failure_and_not_a_result() -> None:
    with pytest.raises(ValidationError, match="finite"):
        RowRecord(steps=0, scoring=Scoring(), search=Metrics(float("nan"), 0.5, 0.5))
    with pytest.raises(ValidationError, match="criteria must be finite"):
        RowRecord(steps=0, scoring=Scoring(), search=Metrics(0.5, 0.5, 0.5), criteria={"loss": float("inf")})


def test_records_of_before_there_were_criteria_are_read(tmp_path: Path) -> None:
    line = record(0).model_dump_json().replace(',"criteria":{}', "")
    assert "criteria" not in line
    (tmp_path / "records.jsonl").write_text(line + "\n")
    assert Records(tmp_path).of(0) == [record(0)]


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shape"):
        Records(tmp_path).append(record(0), Scores(scores=np.zeros((3, 6)), image_rows=np.arange(6), losses={}))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: the kernel's answer ENOSPC is put in place of the write of the line, after half of it."""
    records = Records(tmp_path)
    records.append(record(0), arrays())
    before = (tmp_path / "records.jsonl").read_bytes()
    real, calls = os.pwrite, []

    def full(handle: int, data: bytes, offset: int) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return real(handle, data[: len(data) // 2], offset)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(RecordingError, match=r"records\.jsonl: No space left on device") as caught:
            records.append(record(1), arrays())
    assert caught.value.path == tmp_path / "records.jsonl"
    assert len(calls) == 2
    assert (tmp_path / "records.jsonl").read_bytes() == before
    assert records.append(record(1), arrays())
    assert [found.trial for found in Records(tmp_path).read()] == [0, 1]


def test_a_full_disk_while_writing_scores_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated, as above: fsync of the scores answers ENOSPC."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RecordingError, match=r"trial-0000-episode-000\.npz: No space left"):
            Records(tmp_path).append(record(0), arrays())
    assert list((tmp_path / "scores").iterdir()) == []
    assert Records(tmp_path).read() == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A path below a file: what also stops the administrator, whom permissions do not."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordingError, match=r"scores/trial-0000-episode-000\.npz: Not a directory"):
        Records(tmp_path / "file").append(record(0), arrays())


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_whole_records(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util\n"
        "from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('helpers', {__file__!r})\n"
        "helpers = importlib.util.module_from_spec(spec); spec.loader.exec_module(helpers)\n"
        "records = helpers.Records(Path(sys.argv[1]))\n"
        "start = len(records.read())\n"
        "print('ready', flush=True)\n"
        "for trial in range(start, 100_000):\n"
        "    records.append(helpers.record(trial), helpers.arrays(trial))\n"
    )
    counts = []
    for moment in (0.05, 0.11, 0.17):
        process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        records = Records(tmp_path)
        found = records.read()
        assert [one.trial for one in found] == list(range(len(found)))
        for one in found:
            assert records.scores(one).scores[0, 0] == one.trial
        counts.append(len(found))
    assert 0 < counts[0] < counts[1] < counts[2]
