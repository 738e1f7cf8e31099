import numpy as np
import pytest
from PIL import Image

from coftad.datasets.magnetic_tile import TILES, MagneticTile
from coftad.types import InputError


@pytest.fixture
def one_of_each(tmp_path):
    for name in TILES:
        folder = tmp_path / name / "Imgs"
        folder.mkdir(parents=True)
        Image.new("L", (4, 4)).save(folder / f"{name}.jpg")
        Image.new("L", (4, 4)).save(folder / f"{name}.png")
    return tmp_path


@pytest.mark.slow
def test_the_real_set_is_whole(data_root):
    """952 free and 392 defective tiles: Blowhole 115, Break 85, Crack 57, Fray 32, Uneven 103."""
    loaded = MagneticTile(data_root / "magnetic_tile").load(16)
    assert np.bincount(loaded.labels).tolist() == [952, 392]
    assert [loaded.provenance[name] for name in TILES] == [952, 115, 85, 57, 32, 103]
    assert "partial" not in loaded.provenance
    assert not any(path.endswith(".png") for path in loaded.paths)
    first = loaded.paths.index("MT_Blowhole/Imgs/exp1_num_108719.jpg")
    assert loaded.labels[first] == 1


def test_masks_do_not_count_and_name_what_is_missing(one_of_each):
    loaded = MagneticTile(one_of_each, allow_partial=True).load(4)
    assert loaded.labels.tolist() == [0, 1, 1, 1, 1, 1]
    assert "MT_Fray: 1 of 32" in loaded.provenance["partial"]
    (one_of_each / "MT_Fray" / "Imgs" / "MT_Fray.jpg").unlink()
    loaded = MagneticTile(one_of_each, allow_partial=True).load(4)
    assert len(loaded) == 5
    assert "MT_Fray: 0 of 32 (MT_Fray/Imgs/MT_Fray.jpg missing)" in loaded.provenance["partial"]


def test_a_part_is_refused_with_its_counts(one_of_each):
    with pytest.raises(InputError, match=r"not the whole Magnetic Tile Defects(.|\n)*MT_Free: 1 of 952") as caught:
        MagneticTile(one_of_each).load(4)
    assert len(str(caught.value).splitlines()) == 3 + len(TILES)
    with pytest.raises(InputError, match="MT_Free: 0 of 952"):
        MagneticTile(one_of_each / "MT_Free", allow_partial=True).load(4)
