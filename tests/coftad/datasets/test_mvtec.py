from typing import get_args

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from coftad.datasets.mvtec import GOOD, IMAGES, Category, MVTec
from coftad.datasets.protocol import Protocol, episode
from coftad.types import InputError


def test_the_counts_are_the_published_ones():
    """Bergmann et al. 2019, Table 1: 3629 images to train with; to test with 467 normal and 1258 of 73 defects."""
    assert tuple(IMAGES) == get_args(Category)
    tests = [test for _, test in IMAGES.values()]
    assert sum(train for train, _ in IMAGES.values()) == 3629
    assert sum(test[GOOD] for test in tests) == 467
    assert sum(sum(test.values()) for test in tests) == 467 + 1258
    assert sum(len(test) - 1 for test in tests) == 73
    defects = {category: sum(test.values()) - test[GOOD] for category, (_, test) in IMAGES.items()}
    assert list(defects.values()) == [63, 92, 109, 89, 57, 70, 92, 93, 141, 119, 84, 30, 40, 60, 119]


def test_the_real_bottles_are_whole_and_give_the_papers_episodes(data_root):
    loaded = MVTec(data_root / "mvtec", "bottle").load(16)
    assert loaded.name == "mvtec_bottle"
    assert np.bincount(loaded.labels).tolist() == [229, 63]
    assert loaded.for_support.sum() == 209
    assert loaded.provenance["test/broken_small"] == 22
    made = episode(loaded, Protocol(10, 0), seed=0, index=0)
    assert np.bincount(loaded.labels[made.test_rows]).tolist() == [20, 63]
    assert all(loaded.paths[row].startswith("bottle/train/good/") for row in made.train_rows)


def test_a_survey_is_of_all_categories_and_the_inventory_of_one(data_root):
    parts = MVTec.survey(data_root / "mvtec").parts
    assert [(part.name, part.found, part.expected) for part in parts[:4]] == [
        ("bottle/train", 209, 209),
        ("bottle/test", 83, 83),
        ("cable/train", 0, 224),
        ("cable/test", 0, 150),
    ]
    assert len(parts) == 30
    assert MVTec(data_root / "mvtec", "bottle").inventory().parts == parts[:2]


def test_missing_images_are_named_and_masks_and_others_are_not_looked_at(tmp_path):
    for name in ("train/good/000", "test/good/000", "test/defective/000", "test/defective/002", "test/other/000"):
        path = tmp_path / "toothbrush" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    train, test = MVTec(tmp_path, "toothbrush").inventory().parts
    assert (train.found, train.expected, len(train.missing)) == (1, 60, 59)
    assert test.missing[11] == "toothbrush/test/defective/001.png"
    with pytest.raises(InputError, match=r"toothbrush/train: 1 of 60 \(toothbrush/train/good/001.png, "):
        MVTec(tmp_path, "toothbrush").load(4)
    loaded = MVTec(tmp_path, "toothbrush", allow_partial=True).load(4)
    assert loaded.labels.tolist() == [0, 0, 1, 1]
    assert loaded.for_support.tolist() == [True, False, False, False]


def test_a_file_too_many_is_no_part_of_the_set(tmp_path):
    for i in range(61):
        path = tmp_path / "toothbrush" / "train" / "good" / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(path)
    assert str(MVTec(tmp_path, "toothbrush").inventory().lacking[0]) == "toothbrush/train: 61 of 60"


def test_other_categories_are_refused(tmp_path):
    with pytest.raises(ValidationError):
        MVTec(tmp_path, "bottles")
