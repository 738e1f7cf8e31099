"""CIFAR-10-C and CIFAR-100-C with their clean images, byte for byte as the official files are laid out.

The files have their full size but hold pixels for the first `REAL` images of each part only, and for those that are
looked at to tell whether a file was filled; the rest are holes, which cost no disk. Labels count up and start again, so
every class is equally often there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, get_args

import numpy as np

from coftad.datasets.cifar_c import Corruption
from coftad.datasets.cifar_files import OFFSETS

REAL = 100
PIXELS = 3072
CORRUPTIONS = get_args(Corruption)
TEST = 10
"""Red of the test images. Training images have the number of their file, from 0, corrupted ones 20 and more."""


def is_written(index: int) -> bool:
    """Whether image `index` of a part is there."""
    return index < REAL or index % 10_000 in OFFSETS


def colour(red: int, level: int, index: int) -> tuple[int, int, int]:
    """Of every pixel of image `index` of a part; level is 0 for clean images. Black if there is none."""
    if not is_written(index):
        return 0, 0, 0
    return red, level, index if index < REAL else 1 + index % 255


def red(corruption: str) -> int:
    return 20 + CORRUPTIONS.index(corruption)


def write_10(root: Path) -> dict[str, Any]:
    """Both sets as people have them, the clean one for Python, and keys that load a class."""
    _corrupted(root / "CIFAR-10-C", 10)
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    for batch in range(5):
        pickled(folder / f"data_batch_{batch + 1}", batch, 10_000, {b"labels": 10})
    pickled(folder / "test_batch", TEST, 10_000, {b"labels": 10})
    return {"root": root, "normal": "deer"}


def write_100(root: Path) -> dict[str, Any]:
    _corrupted(root / "CIFAR-100-C", 100)
    folder = root / "cifar-100-python"
    folder.mkdir()
    keys = {b"fine_labels": 100, b"coarse_labels": 20}
    pickled(folder / "train", 0, 50_000, keys)
    pickled(folder / "test", TEST, 10_000, keys)
    return {"root": root, "normal": "trees"}


def write_10_binary(root: Path) -> None:
    """The clean images for C."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir()
    for batch in range(5):
        binary(folder / f"data_batch_{batch + 1}.bin", batch, 10_000, [10])
    binary(folder / "test_batch.bin", TEST, 10_000, [10])


def write_100_binary(root: Path) -> None:
    folder = root / "cifar-100-binary"
    folder.mkdir()
    binary(folder / "train.bin", 0, 50_000, [20, 100])
    binary(folder / "test.bin", TEST, 10_000, [20, 100])


def _corrupted(folder: Path, classes: int) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "labels.npy", np.tile(np.arange(10_000) % classes, 5).astype(np.uint8))
    header = {"descr": "|u1", "fortran_order": False, "shape": (50_000, 32, 32, 3)}
    for corruption in CORRUPTIONS:
        with (folder / f"{corruption}.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            for level in range(1, 6):
                for index in filter(is_written, range(10_000)):
                    file.seek(start + ((level - 1) * 10_000 + index) * PIXELS)
                    file.write(bytes(colour(red(corruption), level, index)) * 1024)  # red, green, blue, red, ...
            file.truncate(start + 50_000 * PIXELS)


def planes(number: int, index: int) -> bytes:
    """An image of a clean file: all red, then all green, then all blue."""
    return b"".join(bytes([value]) * 1024 for value in colour(number, 0, index))


def pickled(
    path: Path, number: int, count: int, keys: dict[bytes, int], row: Callable[[int], bytes] | None = None
) -> None:
    """What Python 2 wrote of {batch_label, labels, data, filenames}, opcode by opcode. row: the images, if others."""
    with path.open("wb") as file:
        file.write(b"\x80\x02}(" + text(b"batch_label") + text(b"a batch of many"))
        for key, classes in keys.items():
            labels = b"".join(b"K%c" % (index % classes) for index in range(count))
            file.write(text(key) + b"](" + labels + b"e")
        file.write(text(b"data"))
        array(file, count, row or (lambda index: planes(number, index)))
        names = b"".join(text(b"image_s_%06d.png" % index) for index in range(count))
        file.write(text(b"filenames") + b"](" + names + b"eu.")


def text(content: bytes) -> bytes:
    return b"U%c" % len(content) + content


def array(file: BinaryIO, count: int, row: Callable[[int], bytes]) -> None:
    """A numpy array (count, 3072) of uint8, holes but for the rows that are written."""
    file.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01")
    file.write(b"J" + count.to_bytes(4, "little") + b"M" + PIXELS.to_bytes(2, "little") + b"\x86")
    file.write(b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
    file.write(b"T" + (count * PIXELS).to_bytes(4, "little"))
    start = file.tell()
    for index in filter(is_written, range(count)):
        file.seek(start + index * PIXELS)
        file.write(row(index))
    file.seek(start + count * PIXELS)
    file.write(b"tb")


def binary(path: Path, number: int, count: int, classes: list[int]) -> None:
    """Rows of labels and planes."""
    width = len(classes) + PIXELS
    with path.open("wb") as file:
        file.truncate(count * width)
    rows = np.memmap(path, np.uint8, "r+", shape=(count, width))
    for column, number_of_classes in enumerate(classes):
        rows[:, column] = np.arange(count) % number_of_classes
    for index in filter(is_written, range(count)):
        rows[index, len(classes) :] = np.frombuffer(planes(number, index), np.uint8)
