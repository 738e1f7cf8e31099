"""The command line of the method alone."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from coftad.__main__ import main

CONFIG = """
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
