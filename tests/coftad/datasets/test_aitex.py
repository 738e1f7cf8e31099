import numpy as np
import pytest
from PIL import Image

from coftad.datasets.aitex import PATCH, Aitex, around, beside_each_other, first_of_cloth
from coftad.datasets.protocol import Protocol, check
from coftad.types import InputError
from tests.coftad.datasets.layouts import write_aitex

SHAPE = (PATCH, 6 * PATCH)
FREE = "NODefect_images/2608691-202020u"


def strip():
    """Every pixel tells its column; no white."""
    return np.broadcast_to((np.arange(SHAPE[1]) // 8).astype(np.uint8), SHAPE)


def mask(*columns):
    made = np.zeros(SHAPE, np.uint8)
    made[9, list(columns)] = 255
    return made


def write(root, name, pixels):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def some(tmp_path):
    """Two defect-free strips; three defective ones, of which one has two masks and one an empty mask."""
    for i in (1, 2):
        write(tmp_path, f"{FREE}/{i:04d}_000_01.png", strip())
    for stem in ("0001_002_00", "0044_019_04", "0106_010_03"):
        write(tmp_path, f"Defect_images/{stem}.png", strip())
    write(tmp_path, "Mask_images/0001_002_00_mask.png", mask(300, 301))
    write(tmp_path, "Mask_images/0044_019_04_mask1.png", mask())
    write(tmp_path, "Mask_images/0044_019_04_mask2.png", mask(1400))
    write(tmp_path, "Mask_images/0106_010_03_mask.png", mask())
    return tmp_path


def columns(loaded):
    """Of every patch: the strip, and the columns it begins and ends with."""
    ends = [(path.split("#x=")[0], int(path.split("#x=")[1])) for path in loaded.paths]
    return [(name, x, x + PATCH) for name, x in ends]


def loading(root, **keys):
    return Aitex(root, allow_partial=True, **keys).load(PATCH)


def test_the_real_strips(data_root):
    """Every fourth of them. All patches are of the cloth, and all defect patches hold marked pixels."""
    root = data_root / "aitex"
    with pytest.raises(InputError, match=r"NODefect_images: 36 of 140(.|\n)*Defect_images: 26 of 105"):
        Aitex(root).load(8)
    loaded = loading(root)
    assert np.bincount(loaded.labels).tolist() == [36 * 5, 26]
    assert loaded.provenance["empty_masks"] == []
    assert not any("0100_025_08" in path for path in loaded.paths)
    assert loaded.images[loaded.labels == 0].mean((1, 2, 3)).max() < 180, "a patch that is white, at least in part"
    for (name, start, end), label in zip(columns(loaded), loaded.labels, strict=True):
        if label:
            masks = sorted((root / "Mask_images").glob(f"{name.split('/')[1].removesuffix('.png')}_mask*.png"))
            assert any((np.asarray(Image.open(each).convert("L"))[:, start:end] >= 128).any() for each in masks), name


def test_the_whole_set_has_the_papers_numbers_of_patches(tmp_path):
    loaded = Aitex(**write_aitex(tmp_path)).load(1)
    assert np.bincount(loaded.labels).tolist() == [700, 105]
    check(loaded, Protocol(50, 0, 600, 105))


def test_patches_are_where_their_names_say_and_do_not_overlap(some):
    loaded = loading(some)
    assert loaded.labels.tolist() == [0] * 10 + [1] * 3
    for (_, start, end), image in zip(columns(loaded), loaded.images, strict=True):
        np.testing.assert_array_equal(image[0], strip()[:, start:end])
    for name in (f"{FREE}/0001_000_01.png", f"{FREE}/0002_000_01.png"):
        starts = [start for found, start, _ in columns(loaded) if found == name]
        assert len(starts) == 5
        assert (np.diff(starts) >= PATCH).all()


def test_defect_patches_hold_the_marked_pixels_of_all_masks(some):
    for seed in range(20):
        _, (_, start, end), (_, second, second_end), _ = columns(loading(some, seed=seed))[9:]
        assert start <= 300
        assert end > 301
        assert second <= 1400 < second_end


def test_a_strip_whose_mask_is_empty_is_told(some):
    assert loading(some).provenance["empty_masks"] == ["Defect_images/0106_010_03.png"]


def test_patches_of_a_strip_depend_on_its_name_and_the_seed_only(some):
    before = loading(some)
    assert loading(some).digest == before.digest
    assert loading(some, seed=1).paths != before.paths
    (some / FREE / "0001_000_01.png").unlink()
    (some / "Defect_images" / "0001_002_00.png").unlink()
    after = loading(some)
    assert after.paths == tuple(p for p in before.paths if "0001_000_01" not in p and "0001_002_00" not in p)


def test_strips_that_are_not_of_the_set_are_left_out(some):
    before = loading(some).paths
    write(some, f"{FREE}/0002_00_01.png", strip())
    write(some, "Defect_images/0100_025_08.png", strip())
    assert loading(some).paths == before
    parts = Aitex(some).inventory().parts
    assert [part.found for part in parts] == [2, 3, 3]
    assert parts[1].missing == parts[2].missing == ()


def test_strips_and_masks_name_each_other(some):
    (some / "Defect_images" / "0001_002_00.png").unlink()
    (some / "Mask_images" / "0044_019_04_mask1.png").unlink()
    (some / "Mask_images" / "0106_010_03_mask.png").unlink()
    free, strips, masks = Aitex(some).inventory().parts
    assert len(free.missing) == 138
    assert f"{FREE}/0020_000_01.png" in free.missing
    assert strips.missing == ("Defect_images/0001_002_00.png",)
    assert masks.missing == ("Mask_images/0044_019_04_mask1.png", "Mask_images/0106_010_03_mask.png")
    assert loading(some).labels.tolist() == [0] * 10 + [1], "where the defect is, nobody can tell of the last one"


def test_files_of_another_shape_are_refused_together(some):
    write(some, f"{FREE}/0001_000_01.png", strip()[:100])
    write(some, f"{FREE}/0002_000_01.png", strip()[:, : 4 * PATCH])
    write(some, "Mask_images/0001_002_00_mask.png", mask()[:, 1:])
    (some / "Mask_images" / "0044_019_04_mask2.png").write_text("text")
    with pytest.raises(InputError) as caught:
        loading(some)
    said = str(caught.value)
    assert "0001_000_01.png has 1536 x 100 pixels, a strip has 4096 x 256" in said
    assert "0002_000_01.png has room for 4 patches beside each other from column 0 on; expected 5" in said
    assert "0001_002_00.png is 1536 pixels wide, its mask has another size" in said
    assert "0044_019_04_mask2.png is not an image" in said


@pytest.mark.parametrize("left", ["nothing", "white", "the table"])
def test_the_cloth_begins_after_the_last_white_of_the_left(left):
    grey = np.full((PATCH, 4096), 120, np.uint8)
    if left == "white":
        grey[:, :700] = 255
    elif left == "the table":
        grey[:, :700] = 90
        grey[:, 696:700] = 250
    grey[3, 900] = grey[7, 3000] = 255  # specks
    assert first_of_cloth(grey) == (0 if left == "nothing" else 700)


def test_slots_are_drawn_from_the_cloth_alone():
    drawn = [beside_each_other(np.random.default_rng(seed), 1240, 4096) for seed in range(50)]
    assert all(each == sorted(set(each)) and len(each) == 5 for each in drawn)
    assert {start for each in drawn for start in each} == {1240 + PATCH * slot for slot in range(11)}


@pytest.mark.parametrize(
    ("marked", "first", "lowest", "highest"),
    [
        ([1000, 1001, 1002], 0, 747, 1000),  # all of a small defect
        ([1000, 1001, 1002], 900, 900, 1000),  # and no more of what is beside the cloth than must be
        ([1000, 1001, 1002], 1001, 1000, 1000),
        ([4094, 4095], 0, 3840, 3840),
        ([0, 1], 0, 0, 0),
        (range(1000, 2000), 0, 1000, 1744),  # nothing but a large one
        ([], 700, 700, 3840),
    ],
)
def test_where_a_defect_patch_may_begin(marked, first, lowest, highest):
    marked = np.array(marked, np.int64)
    drawn = [around(np.random.default_rng(seed), marked, first, 4096) for seed in range(300)]
    assert lowest <= min(drawn) <= lowest + 30
    assert highest - 30 <= max(drawn) <= highest


def test_one_of_several_stretches_is_shown_the_longer_the_likelier():
    marked = np.array([100, *range(3000, 3009)])
    drawn = [around(np.random.default_rng(seed), marked, 0, 4096) for seed in range(300)]
    assert 10 <= sum(start <= 100 for start in drawn) <= 60
