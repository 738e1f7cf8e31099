"""The pictures' numbers are right, the files are pictures, and odd inputs still give one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from tune_runner import artifacts


def episode(seed: int, normal: int = 60, anomalous: int = 20, gap: float = 1.5) -> artifacts.Labelled:
    generator = np.random.default_rng(seed)
    scores = np.r_[generator.normal(0, 1, normal), generator.normal(gap, 1, anomalous)]
    return scores, np.r_[np.zeros(normal, np.int8), np.ones(anomalous, np.int8)]


def images(count: int, size: tuple[int, int] = (20, 20)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 3, *size), dtype=np.uint8)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_roc_points_hold_the_auroc_with_and_without_ties(decimals: int) -> None:
    scores, labels = episode(0)
    scores = np.round(scores, decimals)
    false, true = artifacts.roc_points(scores, labels)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    area = np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)
    assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_roc_points_of_four_images_by_hand() -> None:
    false, true = artifacts.roc_points(np.array([4.0, 3.0, 3.0, 1.0]), np.array([1, 0, 1, 0], np.int8))
    assert false.tolist() == [0, 0, 0.5, 1]
    assert true.tolist() == [0, 0.5, 1, 1]


def test_roc_needs_both_labels() -> None:
    with pytest.raises(ValueError, match="normal and anomalous"):
        artifacts.roc_points(np.arange(3.0), np.zeros(3, np.int8))


def test_standardised_scores_do_not_depend_on_the_networks_scale() -> None:
    scores, labels = episode(1)
    assert artifacts.standardise(1000 + 7 * scores, labels) == pytest.approx(artifacts.standardise(scores, labels))
    assert artifacts.standardise(np.ones(3), np.zeros(3, np.int8)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("count", [1, 3])
def test_pictures_are_written_at_preview_width(tmp_path: Path, count: int) -> None:
    episodes = [episode(seed) for seed in range(count)]
    artifacts.roc(tmp_path / "roc.png", episodes, "title")
    artifacts.score_histogram(tmp_path / "histogram.png", episodes, "title")
    for name in ("roc.png", "histogram.png"):
        with Image.open(tmp_path / name) as picture:
            assert 600 <= picture.width <= 1000
            assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 20


def test_a_constant_score_is_drawn(tmp_path: Path) -> None:
    labels = np.array([0, 0, 1, 1], np.int8)
    artifacts.roc(tmp_path / "roc.png", [(np.ones(4), labels)], "constant")
    artifacts.score_histogram(tmp_path / "histogram.png", [(np.ones(4), labels)], "constant")
    assert (tmp_path / "roc.png").stat().st_size > 0
    assert (tmp_path / "histogram.png").stat().st_size > 0


@pytest.mark.parametrize(("count", "size"), [(40, (20, 20)), (3, (20, 31)), (1, (1, 1)), (20, (300, 200))])
def test_gallery_takes_few_small_and_oblong_images(tmp_path: Path, count: int, size: tuple[int, int]) -> None:
    scores, labels = np.arange(count, dtype=float), (np.arange(count) % 2).astype(np.int8)
    names = [f"folder/{number}-{'long' * 9}.png" for number in range(count)]
    artifacts.gallery(tmp_path / "gallery.png", scores, labels, images(count, size), names, "title")
    with Image.open(tmp_path / "gallery.png") as picture:
        assert picture.width == 920


def test_the_gallery_shows_the_highest_first_in_frames_of_their_label(tmp_path: Path) -> None:
    """20 plain images, each of its own grey: the greys and frame colours in the picture say which were shown."""
    count = 20
    shades = (np.arange(count) * 10 + 30).astype(np.uint8)
    plain = np.broadcast_to(shades[:, None, None, None], (count, 3, 24, 24)).copy()
    scores, labels = -np.arange(count, dtype=float), np.r_[np.ones(8, np.int8), np.zeros(12, np.int8)]
    artifacts.gallery(tmp_path / "g.png", scores, labels, plain, [f"{n}.png" for n in range(count)], "title")
    with Image.open(tmp_path / "g.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)

    def row_of(top: bool) -> list[int]:
        half = pixels[: len(pixels) // 2] if top else pixels[len(pixels) // 2 :]
        big = [shade for shade in shades if (half == shade).all(axis=-1).sum() > 1000]
        place = {int(s): np.argwhere((half == s).all(axis=-1))[:, 1].mean() for s in big}
        return sorted(place, key=place.__getitem__)

    assert row_of(top=True) == [int(shade) for shade in shades[:8]]
    assert row_of(top=False) == [int(shade) for shade in shades[::-1][:8]]
    orange, blue = (0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)
    middle = len(pixels) // 2
    assert (pixels[:middle] == orange).all(-1).sum() > 500 > (pixels[:middle] == blue).all(-1).sum()
    assert (pixels[middle:] == blue).all(-1).sum() > 500 > (pixels[middle:] == orange).all(-1).sum()
