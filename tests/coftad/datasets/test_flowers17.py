import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from coftad.datasets import DATASETS
from coftad.datasets.flowers17 import PAIRS, SPECIES, Flowers17, names_of
from coftad.datasets.protocol import Protocol, check
from coftad.types import InputError
from tests.coftad.datasets.flowers17_layout import write


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write(tmp_path_factory.mktemp("flowers17"))


def test_a_pair_is_the_80_images_of_each_species_in_order(whole):
    loaded = DATASETS["flowers17"](**whole).load(16)
    assert loaded.labels.tolist() == [0] * 80 + [1] * 80
    assert loaded.paths[0] == "jpg/image_0321.jpg"  # crocus is the fifth species, bluebell the fourth
    assert loaded.paths[80] == "jpg/image_0241.jpg"
    assert loaded.images[:, 0, 0, 0].tolist() == [40] * 80 + [30] * 80
    assert loaded.images[:, 0, 0, 15].tolist() == [2 * place for place in range(80)] * 2
    assert loaded.for_support is None
    assert loaded.provenance == {"root": str(whole["root"]), "normal": "crocus", "abnormal": "bluebell"}
    check(loaded, Protocol(shots=5, holdout=0, pool_normal=70, pool_anomalous=10))
    assert all(part.whole for part in Flowers17(**whole).inventory().parts)


def test_the_other_direction_swaps_labels_only(whole):
    there = Flowers17(**whole).load(16)
    back = Flowers17(whole["root"], "bluebell", "crocus").load(16)
    np.testing.assert_array_equal(back.images, np.roll(there.images, 80, axis=0))
    assert back.digest != there.digest


def test_the_pairs_are_eight_different_species():
    assert len(SPECIES) == 17
    assert len({species for pair in PAIRS for species in pair}) == 8
    assert names_of("pansy")[-1] == "jpg/image_1360.jpg"


def test_missing_images_of_the_pair_are_named_and_may_be_left_out(tmp_path):
    keys = write(tmp_path)
    for number in (161, 162, 163, 164, 400):  # lily of the valley, and the last crocus
        (tmp_path / "jpg" / f"image_{number:04d}.jpg").unlink()
    crocus = "crocus: 79 of 80 (jpg/image_0400.jpg missing)"
    lily = "lily_valley: 76 of 80 (jpg/image_0161.jpg, jpg/image_0162.jpg, jpg/image_0163.jpg, ... missing)"
    assert list(map(str, Flowers17.survey(tmp_path).lacking)) == [lily, crocus]
    with pytest.raises(InputError) as caught:
        Flowers17(**keys).load(16)
    assert [line.removeprefix("  - ") for line in str(caught.value).splitlines() if " of 80" in line] == [crocus]
    assert "robots.ox.ac.uk/~vgg/data/flowers/17" in str(caught.value)
    loaded = Flowers17(**keys, allow_partial=True).load(16)
    assert np.bincount(loaded.labels).tolist() == [79, 80]
    assert loaded.provenance["partial"] == crocus
    assert "partial" not in Flowers17(tmp_path, "daffodil", "tulip").load(16).provenance
    for name in names_of("crocus"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"species that is asked for, .*\n  - crocus: 0 of 80$"):
        Flowers17(**keys, allow_partial=True).load(16)


def test_nothing_there_is_not_a_part(tmp_path):
    with pytest.raises(InputError, match="is not the whole Oxford Flowers17 set") as caught:
        Flowers17(tmp_path, "daffodil", "tulip", allow_partial=True).load(16)
    assert "allow_partial" not in str(caught.value)
    with pytest.raises(InputError, match=r"nowhere does not exist; expected jpg/image_0001.jpg to"):
        Flowers17(tmp_path / "nowhere", "daffodil", "tulip").inventory()


@pytest.mark.parametrize(
    ("normal", "abnormal", "said"),
    [("tulip", "tulip", "both tulip; expected two species"), ("tulip", "rose", "'daffodil', 'snowdrop'")],
)
def test_species_must_be_two_of_the_seventeen(tmp_path, normal, abnormal, said):
    with pytest.raises(ValidationError, match=said):
        Flowers17(tmp_path, normal, abnormal)


def test_real_images_are_of_their_species(data_root):
    """Mean colours that tell species apart: daffodils and buttercups are yellow, bluebells and crocuses are not."""
    root = data_root / "flowers17"
    assert "iris: 0 of 80" in map(str, Flowers17.survey(root).lacking)
    with pytest.raises(InputError, match="iris: 0 of 80"):
        Flowers17(root, "crocus", "iris").load(32)
    loaded = Flowers17(root, "buttercup", "bluebell").load(32)
    yellow = loaded.images[:, :2].mean((1, 2, 3)) - loaded.images[:, 2].mean((1, 2))
    assert yellow[:80].mean() > 40 > 0 > yellow[80:].mean() - 20
    with Image.open(root / loaded.paths[0]) as first:
        assert loaded.paths[0] == "jpg/image_1121.jpg"
        expected = np.asarray(first.convert("RGB").resize((32, 32), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    np.testing.assert_array_equal(loaded.images[0], expected)
    for normal, abnormal in PAIRS:
        assert not Flowers17(root, normal, abnormal).inventory().lacking
