import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from coftad.datasets import DATASETS
from coftad.datasets.folder import Folder
from coftad.types import InputError


def write(path, value, size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def test_normal_then_abnormal_each_sorted_at_any_depth(tmp_path):
    write(tmp_path / "normal" / "b.png", 20)
    write(tmp_path / "normal" / "a" / "z.png", 10)
    write(tmp_path / "abnormal" / "scratch" / "c.bmp", 30)
    loaded = DATASETS["folder"](root=tmp_path).load(8)
    assert loaded.paths == ("normal/a/z.png", "normal/b.png", "abnormal/scratch/c.bmp")
    assert loaded.labels.tolist() == [0, 0, 1]
    assert loaded.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert loaded.images.shape == (3, 3, 8, 8)
    assert loaded.provenance == {"root": str(tmp_path), "normal": 2, "abnormal": 1}
    assert Folder(tmp_path).load(8).digest == loaded.digest


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere does not exist; expected .*`normal` and `abnormal`"):
        Folder(tmp_path / "nowhere").load(8)
    (tmp_path / "normal").mkdir()
    with pytest.raises(InputError) as caught:
        Folder(tmp_path).load(8)
    assert "the folder 'normal' has no images" in str(caught.value)
    assert "the folder 'abnormal' does not exist" in str(caught.value)


def test_bad_files_of_both_folders_are_reported_together(tmp_path):
    for kind in ("normal", "abnormal"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "bad.png").write_text("text")
    with pytest.raises(InputError) as caught:
        Folder(tmp_path).load(8)
    assert len(str(caught.value).splitlines()) == 3


def test_grey_range_reaches_the_decoder_and_must_ascend(tmp_path):
    for kind, value in (("normal", 0), ("abnormal", 4095)):
        (tmp_path / kind).mkdir()
        Image.fromarray(np.full((4, 4), value, np.uint16)).save(tmp_path / kind / "a.png")
    assert Folder(tmp_path, grey_range=(0, 4095)).load(4).images[:, 0, 0, 0].tolist() == [0, 255]
    with pytest.raises(ValidationError, match="black must be below"):
        Folder(tmp_path, grey_range=(5, 5))


def test_unknown_keys_are_refused(tmp_path):
    with pytest.raises(ValidationError):
        Folder(root=tmp_path, shots=5)
