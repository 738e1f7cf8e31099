"""The official files of CIFAR: the clean images of the archives for Python or for C, and the corrupted ones.

Most people have the archives for Python, which torchvision unpacks. They are pickles, and a pickle may run any code:
here an unpickler reads them that knows numpy's arrays only, and of these keeps what the file says instead of making
them. The archives for C hold the same images as plain bytes. The corrupted images are numpy's .npy files; of these,
and of the archives for C, only the images asked for are read.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coftad.types import InputError

SIDE = 32
"""Pixels of an image, both ways."""

PIXELS = 3 * SIDE * SIDE
TEST_IMAGES = 10_000
TRAIN_IMAGES = 50_000
LEVELS = 5
"""Of a corruption, from the weakest to the strongest."""


@dataclass(frozen=True, eq=False)
class Clean:
    """One file. labels: (N,) int64, the fine ones of CIFAR-100. pixels: (N, 3072) uint8, as the file has them."""

    labels: NDArray[np.int64]
    pixels: NDArray[np.uint8]

    def images(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """(len(rows), 32, 32, 3); only these are read, where the file is not a pickle."""
        return self.pixels[rows].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)


@dataclass(frozen=True)
class Archive:
    """folder: what it unpacks to. train: its training files, in order; together they hold 50,000 images. test: its
    test file, of 10,000. read: a file of so many images. Raises InputError naming the file."""

    folder: str
    train: tuple[str, ...]
    test: str
    read: Callable[[Path, int], Clean]

    @property
    def each(self) -> int:
        """Images of a training file."""
        return TRAIN_IMAGES // len(self.train)

    @property
    def train_files(self) -> tuple[str, ...]:
        """Relative to the root."""
        return tuple(f"{self.folder}/{name}" for name in self.train)

    @property
    def test_file(self) -> str:
        return f"{self.folder}/{self.test}"


def _binary(path: Path, count: int, *, label_bytes: int) -> Clean:
    """Rows of a label, in CIFAR-100 a coarse and a fine one, and 3,072 pixels."""
    width = label_bytes + PIXELS
    if (size := path.stat().st_size) != count * width:
        raise InputError(f"{path} has {size:,} bytes; {count:,} images of {width:,} have {count * width:,}")
    rows = np.memmap(path, np.uint8, "r", shape=(count, width))
    return Clean(rows[:, label_bytes - 1].astype(np.int64), rows[:, label_bytes:])


class _Said:
    """Stands in a pickle for numpy's array, its data type and the function that makes it: keeps what is said of it."""

    state: Any = None

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __setstate__(self, state: object) -> None:
        self.state = state


KNOWN = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
"""All that the official pickles name."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[_Said]:
        if (module, name) not in KNOWN:
            raise InputError(f"names {module}.{name}, which the official file does not; it was not run")
        return _Said


def _pickled(path: Path, count: int, *, key: bytes) -> Clean:
    """A dictionary that Python 2 wrote, with the pixels under `data` and a list of labels under `key`."""
    with path.open("rb") as file:
        try:
            content: Any = _Unpickler(file, encoding="bytes").load()
        except InputError as error:
            raise InputError(f"{path} {error}") from error
        except Exception as error:  # damaged pickles raise anything from EOFError to KeyError
            raise InputError(f"{path} cannot be unpickled: {str(error) or type(error).__name__}") from error
    found: dict[Any, Any] = content if isinstance(content, dict) else {}
    labels, pixels = found.get(key), _array(found.get(b"data"))
    labelled = isinstance(labels, list) and len(labels) == count and all(_is_label(label) for label in labels)
    if pixels is None or pixels.shape != (count, PIXELS) or not labelled:
        raise InputError(
            f"{path} is not the official file: expected `data`, an array of {count:,} x {PIXELS:,} bytes, "
            f"and {count:,} labels in `{key.decode()}`"
        )
    return Clean(np.asarray(labels, np.int64), pixels)


def _is_label(label: object) -> bool:
    return isinstance(label, int) and 0 <= label < 256


def _array(said: object) -> NDArray[np.uint8] | None:
    """The array of bytes a pickle tells of, if it tells of one."""
    match said:
        case _Said(state=(_, shape, _Said(arguments=(b"u1", *_)), bool(by_column), bytes(raw))):
            try:
                return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if by_column else "C")
            except (ValueError, TypeError):
                return None
    return None


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))

CIFAR10 = (
    Archive("cifar-10-batches-py", _BATCHES, "test_batch", partial(_pickled, key=b"labels")),
    Archive(
        "cifar-10-batches-bin",
        tuple(f"{name}.bin" for name in _BATCHES),
        "test_batch.bin",
        partial(_binary, label_bytes=1),
    ),
)
CIFAR100 = (
    Archive("cifar-100-python", ("train",), "test", partial(_pickled, key=b"fine_labels")),
    Archive("cifar-100-binary", ("train.bin",), "test.bin", partial(_binary, label_bytes=2)),
)


OFFSETS = range(50, TEST_IMAGES, 101)
"""Of the images in each ten thousand that are looked at before a file counts as whole. No class recurs by the step."""

_CHUNK = 1_000


def blank(images: NDArray[np.uint8]) -> int:
    """How many of (N, ...) images are black in every pixel, as those that were never written: a download that made its
    file at once, or a part of the set in files of the full size. They are counted where a sample has one, since that
    takes a look at all of them; up to 1 % may be real."""
    sample = [start + offset for start in range(0, len(images), TEST_IMAGES) for offset in OFFSETS]
    rows = np.array([row for row in sample if row < len(images)], np.intp)
    if _seen(images[rows]).all():
        return 0
    count = sum(int((~_seen(images[start : start + _CHUNK])).sum()) for start in range(0, len(images), _CHUNK))
    return count if count > len(images) // 100 else 0


def _seen(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N,): whether any pixel is not 0."""
    seen: NDArray[np.bool_] = np.asarray(images).reshape(len(images), -1).max(1) > 0
    return seen


def unpacked(root: Path, archives: Sequence[Archive]) -> Archive:
    """The archive of which most files are below `root`; the first, if they are equal."""
    return max(
        archives, key=lambda archive: sum((root / file).is_file() for file in (*archive.train_files, archive.test_file))
    )


def _mapped(path: Path) -> NDArray[Any]:
    """The array of a .npy file, read where it is looked at only."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # damaged headers raise anything from ValueError to OverflowError
        raise InputError(
            f"{path} cannot be read as a .npy file of plain numbers: {str(error) or type(error).__name__}"
        ) from error


def corrupted_images(path: Path) -> NDArray[np.uint8]:
    """(50000, 32, 32, 3): the test images in order, five times over, from the weakest level to the strongest."""
    array, shape = _mapped(path), (LEVELS * TEST_IMAGES, SIDE, SIDE, 3)
    if array.shape != shape or array.dtype != np.uint8:
        raise InputError(f"{path} holds {array.shape} of {array.dtype}; expected {shape} of uint8")
    return array


def corrupted_labels(path: Path) -> NDArray[Any]:
    """(50000,) of any whole numbers."""
    array, shape = _mapped(path), (LEVELS * TEST_IMAGES,)
    if array.shape != shape or array.dtype.kind not in "iu":
        raise InputError(f"{path} holds {array.shape} of {array.dtype}; expected {shape} of whole numbers")
    return array
