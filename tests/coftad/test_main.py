"""The command line of the method alone."""

import csv
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from coftad.__main__ import main

CONFIG = """
trial: 0
training: {batch_size: 8, projector_hidden: 16, projector_out: 8, predictor_hidden: 16, negative_augmentation: void}
steps: 1
scoring: {n_a: 2}
points: [0, 1]
"""


@pytest.fixture
def folders(tmp_path):
    generator = np.random.default_rng(0)
    for folder, count in (("train", 3), ("new/deep", 2)):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(generator.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(
                tmp_path / folder / f"{index}.png"
            )
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def call(folders, *more):
    return main(
        ["--train", f"{folders}/train", "--score", f"{folders}/new", "--weights", "random", "--image-size", "32", *more]
    )


def test_scores_a_folder_as_csv_and_again_the_same(folders, capsys):
    texts = []
    for _ in range(2):
        assert call(folders, "--config", f"{folders}/config.yaml") == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    rows = list(csv.DictReader(io.StringIO(texts[0])))
    assert [row["path"] for row in rows] == ["deep/0.png", "deep/1.png"]
    assert all(np.isfinite(float(row["score"])) for row in rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "train/0.png").write_bytes(b"x"), ["0.png"]),
        (lambda f: [(f / f"train/{i}.png").unlink() for i in (0, 1)], ["1 images", "2 or more"]),
        (lambda f: (f / "config.yaml").write_text("training: {lambda_pp: -1}"), ["config.yaml", "lambda_pp"]),
        (lambda f: (f / "config.yaml").unlink(), ["config.yaml"]),
    ],
)
def test_mistakes_are_named_with_exit_code_2(folders, change, words, capsys):
    change(folders)
    assert call(folders, "--config", f"{folders}/config.yaml") == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    assert "Traceback" not in error


def test_the_settings_of_the_paper_need_no_file(folders, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr("coftad.__main__.Settled.fit", lambda settled, support: seen.append(settled) or Zero())
    assert call(folders) == 0
    assert (seen[0].configuration.steps, seen[0].threads, seen[0].seed) == (20, 1, 0)
    assert capsys.readouterr().out == "path,score\ndeep/0.png,0.0\ndeep/1.png,0.0\n"


class Zero:
    def score(self, images):
        return np.zeros((1, len(images)))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--image-size", "-3"], "--image-size: '-3' is not allowed; a whole number of pixels from 32 to 1024 is"),
        (["--image-size", "0"], "--image-size: '0'"),
        (["--image-size", "100000"], "--image-size: '100000'"),
        (["--image-size", "3_2"], "--image-size: '3_2'"),
        (["--image-size", "٣٢"], "--image-size: '٣٢'"),
        (["--threads", "0"], "--threads: '0' is not allowed; a whole number from 1 to 1024 is"),
        (["--threads", "1.5"], "--threads: '1.5'"),
        (["--seed", "-1"], "--seed: '-1'"),
        (["--seed", str(2**63)], "--seed: '9223372036854775808'"),
        (["--device", "gpu"], "device: 'gpu' is unknown"),
        (["--root", "x"], "--root goes with --config"),
        (["--episode", "1"], "--episode goes with --config"),
        (["--score", ""], "--score: '' is not allowed; a path is"),
    ],
)
def test_options_have_limits(folders, more, words, capsys):
    assert call(folders, *more) == 2
    out, error = capsys.readouterr()
    assert words in error
    assert (out, len(error.splitlines())) == ("", 1)


def test_all_wrong_options_are_told_at_once(folders, capsys):
    assert call(folders, "--image-size", "5", "--threads", "x") == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_files_that_are_not_looked_at_are_counted(folders, monkeypatch, capsys):
    monkeypatch.setattr("coftad.__main__.Settled.fit", lambda settled, support: Zero())
    for name in ("a.heic", "b.HEIC", "c"):
        (folders / "new" / name).touch()
    assert call(folders) == 0
    assert "--score: files in" in (error := capsys.readouterr().err)
    assert error.endswith("new that are not read as images: 2 .heic, 1 without a suffix\n")


def test_names_are_written_as_the_bytes_they_are(folders, monkeypatch, capsysbinary):
    """A zip made by Windows holds Latin-1; whatever the terminal's encoding, the name must lead to the file."""
    monkeypatch.setattr("coftad.__main__.Settled.fit", lambda settled, support: Zero())
    picture = (folders / "train/0.png").read_bytes()
    names = [b"d\xe9faut.png", "pièce.png".encode(), b"9:05.png", b"A:1.png", b"%2Fdata%2Fx.png", b"%00.png"]
    for name in names:
        with open(os.fsencode(folders) + b"/train/" + name, "wb") as file:
            file.write(picture)
    assert call(folders, "--score", f"{folders}/train") == 0
    out, _ = capsysbinary.readouterr()
    assert {line.rpartition(b",")[0] for line in out.splitlines()[1:]} == {b"0.png", b"1.png", b"2.png", *names}


def test_help_needs_no_docstrings():
    command = [sys.executable, "-OO", "-c", "from coftad import options; options.read(['--help'])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--image-size" in done.stdout
