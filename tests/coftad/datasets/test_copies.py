"""The same picture twice: refused in one's own images where it has both labels, told in all other cases."""

import shutil

import numpy as np
import pytest
from PIL import Image

from coftad.datasets import copies
from coftad.datasets.folder import Folder
from coftad.datasets.images import image_set
from coftad.datasets.magnetic_tile import MagneticTile
from coftad.datasets.semicon import SemiCon
from coftad.types import InputError


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)


@pytest.fixture
def own(tmp_path):
    for kind, rows in (("normal", range(4)), ("abnormal", range(4, 7))):
        (tmp_path / kind).mkdir()
        for row in rows:
            Image.fromarray(noise(7)[row].transpose(1, 2, 0)).save(tmp_path / kind / f"{row}.png")
    return tmp_path


def test_groups_are_all_rows_with_the_same_pixels_whatever_their_sums(monkeypatch):
    images = noise(8)
    images[5], images[7], images[2] = images[1], images[1], images[0]
    assert copies.groups(images) == [[0, 2], [1, 5, 7]]
    monkeypatch.setattr(copies.zlib, "crc32", lambda _: 0)
    assert copies.groups(images) == [[0, 2], [1, 5, 7]]
    assert copies.groups(noise(8)) == []


def test_one_image_in_both_folders_is_refused_by_its_names(own):
    assert "copies" not in Folder(own).load(8).provenance
    shutil.copy(own / "normal/2.png", own / "abnormal/other.png")
    with pytest.raises(InputError) as caught:
        Folder(own).load(8)
    assert str(caught.value).splitlines() == [
        "the same picture is in folder twice, with both labels:",
        "  - normal/2.png is normal, abnormal/other.png is anomalous",
    ]


def test_one_slice_with_two_ratios_is_refused(own):
    (own / "normal").rename(own / "slices")
    shutil.copy(own / "slices/1.png", own / "slices/9.png")
    (own / "labels.csv").write_text("file,void_ratio_percent\n0.png,1\n1.png,1\n9.png,9\n")
    with pytest.raises(InputError, match=r"slices/1.png is normal, slices/9.png is anomalous"):
        SemiCon(own).load(8)


def test_copies_with_one_label_are_told(own):
    shutil.copy(own / "normal/2.png", own / "normal/other.png")
    assert Folder(own).load(8).provenance["copies"] == (
        "2 images have the pixels of another (normal/2.png = normal/other.png)"
    )


def test_a_published_set_is_used_as_it_is_and_says_so(tmp_path):
    for kind in ("MT_Free", "MT_Fray"):
        (tmp_path / kind / "Imgs").mkdir(parents=True)
        Image.fromarray(noise(1)[0].transpose(1, 2, 0)).save(tmp_path / kind / "Imgs/a.jpg")
    loaded = MagneticTile(tmp_path, allow_partial=True).load(8)
    assert loaded.provenance["copies"].endswith("MT_Fray/Imgs/a.jpg); 1 is both normal and anomalous")


def test_the_digest_is_what_it_was_before_copies_were_looked_for():
    images = noise(3)
    images[2] = images[0]
    loaded = image_set("x", images, [0, 0, 1], ["a", "b", "c"], {})
    assert loaded.digest == "371845778570c01201d46bdf5adef39fd77ced026a342453abae94abd69c6502"
