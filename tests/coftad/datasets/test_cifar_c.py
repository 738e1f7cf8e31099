import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from coftad.datasets import DATASETS
from coftad.datasets.cifar_c import NINE, Cifar10C, Cifar100C, Corruption
from coftad.datasets.cifar_classes import FINE, LABELS10, LABELS100, SuperClass
from coftad.types import InputError
from tests.coftad.datasets import cifar_c_layout as layout
from tests.coftad.datasets.cifar_c_layout import CORRUPTIONS, TEST, colour, is_written, red


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """Not to be changed; `part` is for that."""
    return layout.write_10(tmp_path_factory.mktemp("ten"))


@pytest.fixture(scope="module")
def hundred(tmp_path_factory):
    return layout.write_100(tmp_path_factory.mktemp("hundred"))


@pytest.fixture
def part(ten, tmp_path):
    """A root of its own, cheap to take files away from: nothing is copied, and of the training images it has the second
    and the fourth file only."""
    for file in ten["root"].glob("*/*"):
        if file.name not in ("data_batch_1", "data_batch_3", "data_batch_5"):
            link = tmp_path / file.relative_to(ten["root"])
            link.parent.mkdir(exist_ok=True)
            link.hardlink_to(file)
    return tmp_path


def told(path, each):
    """The colour that the image called `path` was written with; black if with none. each: images of a training file."""
    part, *level, index = path.split("/")
    if part == "train":
        batch, row = divmod(int(index), each)
        return colour(batch, 0, row)
    if part == "test":
        return colour(TEST, 0, int(index))
    return colour(red(part), int(level[0]), int(index))


def check_pixels(loaded, each=10_000):
    """All images have their colours everywhere. Returns how many are not black."""
    expected = np.array([told(path, each) for path in loaded.paths], np.uint8)
    flat = loaded.images.reshape(*expected.shape, -1)
    np.testing.assert_array_equal(flat.min(axis=2), expected)
    np.testing.assert_array_equal(flat.max(axis=2), expected)
    return int(expected.any(axis=1).sum())


def count(labels, classes, images=10_000):
    """How many images of a part are not black, of those with one of `labels`."""
    return sum(index % classes in labels for index in filter(is_written, range(images)))


def test_the_class_clean_and_corrupted(ten):
    loaded = DATASETS["cifar10_c"](**ten).load(32)
    assert loaded.images.shape == (15_000, 3, 32, 32)
    assert np.bincount(loaded.labels).tolist() == [6000, 9000]
    assert loaded.for_support.tolist() == [True] * 5000 + [False] * 10_000
    assert loaded.paths[:2] == ("train/00004", "train/00014")  # deer has the label 4
    assert loaded.paths[4999] == "train/49994"
    assert loaded.paths[5000:5002] == ("test/00004", "test/00014")
    assert loaded.paths[6000] == "gaussian_noise/4/00004"
    assert loaded.paths[-1] == "contrast/4/09994"
    assert check_pixels(loaded) == (5 + 1 + 9) * count({4}, 10)
    assert {name: value for name, value in loaded.provenance.items() if name != "copies"} == {
        "root": str(ten["root"]),
        "normal": "deer",
        "level": 4,
        "corruptions": list(NINE),
        "clean": "cifar-10-batches-py",
    }


@pytest.mark.parametrize("level", [1, 5])
def test_level_and_corruptions_are_as_asked_for(ten, level):
    loaded = Cifar10C(**ten, level=level, corruptions=("pixelate", "spatter")).load(32)
    assert len(loaded) == 8000
    assert loaded.paths[6000] == f"pixelate/{level}/00004"
    assert loaded.images[6000, :, 0, 0].tolist() == [red("pixelate"), level, 4]
    assert loaded.images[7001, :, 31, 31].tolist() == [red("spatter"), level, 14]


def test_other_sizes_are_stretched(part):
    loaded = Cifar10C(part, "deer", corruptions=("fog",), allow_partial=True).load(40)
    assert loaded.images.shape == (4000, 3, 40, 40)
    assert check_pixels(loaded) == (2 + 1 + 1) * count({4}, 10)


def test_a_super_class_is_its_five_classes(hundred):
    loaded = DATASETS["cifar100_c"](**hundred).load(32)
    assert np.bincount(loaded.labels).tolist() == [2500 + 500, 4500]
    assert int(loaded.for_support.sum()) == 2500
    trees = (47, 52, 56, 59, 96)  # maple, oak, palm, pine, willow
    assert loaded.paths[2500:2505] == tuple(f"test/{label:05d}" for label in trees)
    assert check_pixels(loaded, each=50_000) == count(trees, 100, 50_000) + 10 * count(trees, 100)


def test_super_classes_are_the_official_ones():
    """The official coarse label of each of the 100 fine ones, as in the archives."""
    # fmt: off
    coarse = (
        4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11,
        6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5,
        5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17,
        10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13,
        16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
    )
    # fmt: on
    assert tuple(FINE) == SuperClass.__args__
    assert [*LABELS100.values()] == [
        tuple(fine for fine in range(100) if coarse[fine] == number) for number in range(20)
    ]
    assert [*LABELS10.values()] == [(label,) for label in range(10)]


@pytest.mark.parametrize("cls", [Cifar10C, Cifar100C])
def test_the_archives_for_c_hold_the_same(cls, ten, hundred, tmp_path):
    keys, folder, write = {
        Cifar10C: (ten, "CIFAR-10-C", layout.write_10_binary),
        Cifar100C: (hundred, "CIFAR-100-C", layout.write_100_binary),
    }[cls]
    (tmp_path / folder).mkdir()
    for name in ("labels", "fog"):
        (tmp_path / folder / f"{name}.npy").hardlink_to(keys["root"] / folder / f"{name}.npy")
    write(tmp_path)
    pickled = cls(**keys, corruptions=("fog",)).load(32)
    plain = cls(**{**keys, "root": tmp_path}, corruptions=("fog",)).load(32)
    assert plain.provenance["clean"].startswith(("cifar-10-batches-bin", "cifar-100-binary"))
    assert plain.digest == pickled.digest


def test_the_pickles_made_here_are_pickles_of_numpy(ten, hundred):
    """As torchvision reads them, so that the tests above are about the real format."""
    with (ten["root"] / "cifar-10-batches-py" / "data_batch_2").open("rb") as file:
        batch = pickle.load(file, encoding="latin1")
    assert batch["data"].shape == (10_000, 3072)
    assert batch["data"][7, [0, 1024, 2048]].tolist() == [1, 0, 7]
    assert batch["labels"][:12] == [*range(10), 0, 1]
    assert len(batch["filenames"]) == 10_000
    with (hundred["root"] / "cifar-100-python" / "test").open("rb") as file:
        assert pickle.load(file, encoding="bytes")[b"fine_labels"][99] == 99


def emptied(part, name, rows):
    """A file of the full size in which some images are black."""
    array = np.load(part / "CIFAR-10-C" / f"{name}.npy")
    array[array.reshape(len(array), -1).max(1) == 0] = 9  # no holes
    array[rows] = 0
    (part / "CIFAR-10-C" / f"{name}.npy").unlink()
    np.save(part / "CIFAR-10-C" / f"{name}.npy", array)


def test_a_file_with_other_levels_black_is_a_part(part):
    emptied(part, "fog", np.r_[:30_000, 40_000:50_000])
    keys = {"root": part, "normal": "deer", "corruptions": ("fog",), "allow_partial": True}
    [fog, _] = Cifar10C(**keys).inventory().lacking
    assert (fog.name, fog.found, fog.expected) == ("fog", 10_000, 50_000)
    assert "fog: 10,000 of 50,000" in Cifar10C(**keys, level=4).load(32).provenance["partial"]
    with pytest.raises(
        InputError, match=r"black in place of the deer images .*allow_partial.*\n  - fog/3/00004 and the 999"
    ):
        Cifar10C(**keys, level=3).load(32)


@pytest.mark.slow
def test_a_file_of_other_classes_is_a_part_and_a_few_black_images_are_none(part):
    emptied(part, "fog", [row for row in range(50_000) if row % 10 not in (0, 6)])
    emptied(part, "frost", range(50, 550))
    emptied(part, "snow", range(50, 551))
    parts = {
        each.name: each.found for each in Cifar10C(part, "frog", corruptions=("fog", "frost", "snow")).inventory().parts
    }
    assert [parts[name] for name in ("fog", "frost", "snow")] == [10_000, 50_000, 49_499]
    keys = {"root": part, "corruptions": ("fog",), "allow_partial": True}
    assert len(Cifar10C(**keys, normal="frog").load(32)) == 4000
    with pytest.raises(InputError, match="black in place of the deer images"):
        Cifar10C(**keys, normal="deer").load(32)


def test_black_clean_images_are_not_there(part):
    for name in ("data_batch_2", "test_batch"):
        path = part / "cifar-10-batches-py" / name
        path.unlink()
        layout.pickled(path, 0, 10_000, {b"labels": 10}, row=lambda index: bytes(3072))
    parts = {each.name: each.found for each in Cifar10C(part, "deer").inventory().parts}
    assert (parts["clean training images"], parts["clean test images"]) == (10_000, 0)
    with pytest.raises(InputError, match=r"black in place .*\n  - train/10004 and .*\n  - test/00004 and"):
        Cifar10C(part, "deer", allow_partial=True).load(32)


def test_what_is_missing_is_named(part):
    (part / "CIFAR-10-C" / "fog.npy").unlink()
    (part / "CIFAR-10-C" / "snow.npy").unlink()  # not one of the nine
    batches = ", ".join(f"cifar-10-batches-py/data_batch_{batch}" for batch in (1, 3, 5))
    lacking = [
        "fog: 0 of 50,000 (CIFAR-10-C/fog.npy missing)",
        f"clean training images: 20,000 of 50,000 ({batches} missing)",
    ]
    with pytest.raises(InputError, match="CIFAR-10-C set with its clean images") as caught:
        Cifar10C(part, "deer").load(32)
    assert [line.removeprefix("  - ") for line in str(caught.value).splitlines() if " of " in line][-2:] == lacking
    assert "zenodo.org/records/2535967" in str(caught.value)

    loaded = Cifar10C(part, "deer", allow_partial=True).load(32)
    assert loaded.provenance["partial"] == "; ".join(lacking)
    assert "fog" not in loaded.provenance["corruptions"]
    assert np.bincount(loaded.labels).tolist() == [3000, 8000]
    assert int(loaded.for_support.sum()) == 2000
    assert loaded.paths[0] == "train/10004"  # numbered as in the whole set
    assert loaded.paths[1000] == "train/30004"
    check_pixels(loaded)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("CIFAR-10-C/labels.npy", "labels.npy cannot be read: No such file"),
        ("cifar-10-batches-py/test_batch", "test_batch cannot be read: No such file"),
        ("cifar-10-batches-py/data_batch_*", "none of cifar-10-batches-py/data_batch_1, .* is there"),
        ("CIFAR-10-C/*_noise.npy", "none of CIFAR-10-C/shot_noise.npy is there"),
    ],
)
def test_a_part_still_needs_something_of_everything(part, gone, said):
    for file in part.glob(gone):
        file.unlink()
    with pytest.raises(InputError, match=said):
        Cifar10C(part, "deer", corruptions=("shot_noise",), allow_partial=True).load(32)


def test_an_empty_root_has_nothing(tmp_path):
    with pytest.raises(InputError, match=r"labels: 0 of 1 \(CIFAR-100-C/labels.npy missing\)"):
        Cifar100C(tmp_path, "fish", allow_partial=True).load(32)
    with pytest.raises(InputError, match=r"nowhere does not exist; expected CIFAR-100-C/labels.npy"):
        Cifar100C(tmp_path / "nowhere", "fish").load(32)


def test_wrong_arrays_are_refused_all_at_once(part):
    folder = part / "CIFAR-10-C"
    content = (folder / "snow.npy").read_bytes()[:40_000]
    for name in ("fog", "frost", "snow", "contrast", "brightness", "labels"):
        (folder / f"{name}.npy").unlink()
    np.save(folder / "fog.npy", np.zeros((10_000, 32, 32, 3), np.uint8))
    header = {"descr": "<f4", "fortran_order": False, "shape": (50_000, 32, 32, 3)}
    with (folder / "frost.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * 50_000 * 3072)
    (folder / "snow.npy").write_bytes(content)
    np.save(folder / "contrast.npy", np.array([print] * 3, object))
    np.save(folder / "labels.npy", np.zeros(50_000))
    (folder / "brightness.npy").write_bytes(b"nothing of the kind")
    names = ("fog", "frost", "snow", "contrast", "brightness")
    with pytest.raises(InputError, match="snow: 13 of 50,000"):
        Cifar10C(part, "deer", corruptions=names).load(32)
    with pytest.raises(InputError) as caught:
        Cifar10C(part, "deer", corruptions=names, allow_partial=True).load(32)
    lines = str(caught.value).splitlines()[1:]
    expected = (
        r"labels.npy holds (50000,) of float64; expected (50000,) of whole numbers",
        r"fog.npy holds (10000, 32, 32, 3) of uint8; expected (50000, 32, 32, 3) of uint8",
        r"frost.npy holds (50000, 32, 32, 3) of float32",
        r"snow.npy cannot be read as a .npy file of plain numbers",
        r"contrast.npy cannot be read as a .npy file of plain numbers",
        r"brightness.npy cannot be read as a .npy file of plain numbers",
    )
    assert len(lines) == len(expected)
    for line, said in zip(lines, expected, strict=True):
        assert said in line


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps(Evil()), "test_batch names builtins.exec, which the official file does not; it was not run"),
        (pickle.dumps({"data": Evil()}, 2), "names __builtin__.exec, .* it was not run"),
        (b"\x80\x02}(U\x04data", "cannot be unpickled"),
        (b"", "cannot be unpickled"),
        (pickle.dumps([1, 2], 2), "not the official file: expected `data`, an array of 10,000 x 3,072 bytes"),
        (pickle.dumps({b"data": b"", b"labels": [0]}, 3), "not the official file"),
        (b"\x80\x02ccopyreg\n__newobj__\n.", "names copyreg.__newobj__"),
    ],
)
def test_unsafe_and_damaged_pickles_are_refused(part, content, said):
    path = part / "cifar-10-batches-py" / "test_batch"
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        Cifar10C(part, "deer", allow_partial=True).load(32)


def test_a_pickle_of_other_numbers_is_refused(part):
    """One image less than there are; and labels under another name."""
    path = part / "cifar-10-batches-py" / "test_batch"
    path.unlink()
    layout.pickled(path, TEST, 9_999, {b"labels": 10})
    with pytest.raises(InputError, match="test_batch is not the official file"):
        Cifar10C(part, "deer", allow_partial=True).load(32)
    path.unlink()
    layout.pickled(path, TEST, 10_000, {b"fine_labels": 10})
    with pytest.raises(InputError, match="and 10,000 labels in `labels`"):
        Cifar10C(part, "deer", allow_partial=True).load(32)


def test_binary_files_of_another_size_are_refused(part):
    layout.write_10_binary(part)
    with (part / "cifar-10-batches-bin" / "data_batch_3.bin").open("r+b") as file:
        file.truncate(30_730_001)
    with pytest.raises(
        InputError, match=r"data_batch_3.bin has 30,730,001 bytes; 10,000 images of 3,073 have 30,730,000"
    ):
        Cifar10C(part, "deer", corruptions=("fog",)).load(32)


def test_labels_of_another_order_are_refused(part):
    path = part / "CIFAR-10-C" / "labels.npy"
    labels = np.load(path)
    path.unlink()
    np.save(path, labels[::-1])
    with pytest.raises(InputError, match="tell different classes of the same images"):
        Cifar10C(part, "deer", allow_partial=True).load(32)


def test_links_out_of_the_root_are_not_followed(part, ten):
    path = part / "CIFAR-10-C" / "fog.npy"
    path.unlink()
    path.symlink_to(ten["root"] / "CIFAR-10-C" / "fog.npy")
    with pytest.raises(InputError, match=r"fog.npy is a link to .*, outside"):
        Cifar10C(part, "deer", allow_partial=True).load(32)


@pytest.mark.parametrize(
    "bad",
    [
        {"normal": "trees"},
        {"level": 0},
        {"level": 6},
        {"corruptions": ()},
        {"corruptions": ("fog", "fog")},
        {"corruptions": ("rain",)},
        {"severity": 4},
    ],
)
def test_impossible_settings_are_refused(tmp_path, bad):
    with pytest.raises(ValidationError):
        Cifar10C(**{"root": tmp_path, "normal": "deer", **bad})


def test_nine_of_the_fifteen():
    assert len(set(NINE)) == 9
    assert set(NINE) < set(CORRUPTIONS[:15])
    assert len(set(Corruption.__args__)) == 19
