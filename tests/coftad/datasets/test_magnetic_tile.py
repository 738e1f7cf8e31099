import numpy as np
import pytest
from PIL import Image

from coftad.datasets.magnetic_tile import CLASSES, MagneticTile
from coftad.types import InputError


def test_the_real_set_is_whole(data_root):
    """952 free and 392 defective tiles: Blowhole 115, Break 85, Crack 57, Fray 32, Uneven 103."""
    loaded = MagneticTile(data_root / "magnetic_tile").load(16)
    assert np.bincount(loaded.labels).tolist() == [952, 392]
    assert [loaded.provenance[name] for name in CLASSES] == [952, 115, 85, 57, 32, 103]
    assert not any(path.endswith(".png") for path in loaded.paths)
    first = loaded.paths.index("MT_Blowhole/Imgs/exp1_num_108719.jpg")
    assert loaded.labels[first] == 1


def test_masks_do_not_count_and_missing_classes_are_named(tmp_path):
    for name in CLASSES:
        folder = tmp_path / name / "Imgs"
        folder.mkdir(parents=True)
        Image.new("L", (4, 4)).save(folder / f"{name}.jpg")
        Image.new("L", (4, 4)).save(folder / f"{name}.png")
    loaded = MagneticTile(tmp_path).load(4)
    assert loaded.labels.tolist() == [0, 1, 1, 1, 1, 1]
    (tmp_path / "MT_Fray" / "Imgs" / "MT_Fray.jpg").unlink()
    with pytest.raises(InputError, match=r"not the whole Magnetic Tile set:\n  - MT_Fray/Imgs has no .jpg"):
        MagneticTile(tmp_path).load(4)
