"""Damaged and hostile image files end in pixels or in an error that names the file: nothing else, and not late."""

import io
import os
import queue
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from coftad.datasets.folder import Folder
from coftad.datasets.images import Source, load_images
from coftad.datasets.semicon import SemiCon
from coftad.types import InputError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow grumbles before it gives up

ROUNDS = 70  # mutations of each of the files below
LONGEST = 5.0  # seconds for one file of 32 x 24 pixels: a thousand times what a sound one takes
MOST_MEMORY = 600 * 2**20  # bytes that any of them may take: an image of MAX_PIXELS, decoded and converted
MAGICS = (
    b"GIF89a\x05\x00\x05\x00",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    b"\x00\x00\x01\x00\x01\x00",
    b"8BPS\x00\x01",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    b"%PDF-1.4\n",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"PK\x03\x04",
    b"\x80\x04cposix\nsystem\n",
    b"SIMPLE  =                    T",
    b"\x89HDF\r\n\x1a\n",
)
HUGE = (0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 100_000, 65_535, 0)


def encoded(pixels: np.ndarray, kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def valid_files() -> dict[str, bytes]:
    generator = np.random.default_rng(0)
    rgb = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    rgb[:, :16] = 128  # something that compresses, so that run lengths and back references are in the files too
    grey, deep = rgb[:, :, 0], rgb[:, :, 0].astype(np.uint16) * 257
    alpha = np.dstack([rgb, grey])
    return {
        "rgb.png": encoded(rgb, "PNG"),
        "deep.png": encoded(deep, "PNG"),
        "alpha.png": encoded(alpha, "PNG"),
        "plain.jpg": encoded(rgb, "JPEG"),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True),
        "grey.bmp": encoded(grey, "BMP"),
        "grey.pgm": encoded(grey, "PPM"),
        "raw.tif": encoded(rgb, "TIFF"),
        "deflate.tif": encoded(deep, "TIFF", compression="tiff_adobe_deflate"),
        "lzw.tif": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "lossy.webp": encoded(rgb, "WEBP"),
        "lossless.webp": encoded(alpha, "WEBP", lossless=True),
    }


VALID = valid_files()


def flipped(data: bytearray, generator: np.random.Generator) -> bytes:
    for place in generator.integers(0, len(data), int(generator.integers(1, 9))):
        data[place] ^= 1 << int(generator.integers(0, 8))
    return bytes(data)


def truncated(data: bytearray, generator: np.random.Generator) -> bytes:
    return bytes(data[: generator.integers(0, len(data))])


def header_edited(data: bytearray, generator: np.random.Generator) -> bytes:
    for place in generator.integers(0, min(64, len(data)), 3):
        data[place] = int(generator.choice([0, 1, 0x7F, 0x80, 0xFF]))
    return bytes(data)


def swapped(data: bytearray, generator: np.random.Generator) -> bytes:
    first, second, third = sorted(generator.integers(0, len(data), 3).tolist())
    return bytes(data[:first] + data[second:third] + data[first:second] + data[third:])


def with_a_huge_number(data: bytearray, generator: np.random.Generator) -> bytes:
    """Somewhere in the header, in either byte order and both widths: sizes, counts, offsets, strip lengths."""
    width = int(generator.choice([2, 4]))
    place = int(generator.integers(0, min(200, len(data)) - width))
    number = int(generator.choice(HUGE)) & (256**width - 1)
    data[place : place + width] = number.to_bytes(width, generator.choice(["little", "big"]))
    return bytes(data)


def of_another_format(data: bytearray, generator: np.random.Generator) -> bytes:
    magic = MAGICS[int(generator.integers(0, len(MAGICS)))]
    return magic + bytes(data[len(magic) if generator.random() < 0.5 else 0 :])


def repeated(data: bytearray, generator: np.random.Generator) -> bytes:
    start, end = sorted(generator.integers(0, len(data), 2).tolist())
    return bytes(data[:end] + data[start:end] * int(generator.integers(1, 20)) + data[end:])


MUTATIONS = (flipped, truncated, header_edited, swapped, with_a_huge_number, of_another_format, repeated)


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    """The process never holds `most` bytes more than when it came here, looked at every 2 ms."""
    process, ended = psutil.Process(), threading.Event()
    before = highest = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not ended.wait(0.002):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    assert highest - before < most, f"{(highest - before) / 2**20:.0f} MB"


def outcome(root: Path, name: str) -> str:
    """`pixels` or `refused`; fails the test for anything else."""
    refusal = ""
    try:
        loaded = load_images(root, [Source(name)], 16)
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert name in refusal
        return "refused"
    assert loaded.shape == (1, 3, 16, 16)
    assert loaded.dtype == np.uint8
    return "pixels"


def timed(root: Path, name: str) -> str:
    """As `outcome`, in a thread that a decoder which hangs may keep."""
    ended: queue.SimpleQueue[str | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            ended.put(outcome(root, name))
        except BaseException as error:
            ended.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        end = ended.get(timeout=LONGEST)
    except queue.Empty:
        pytest.fail(f"{name} takes more than {LONGEST:g} s")
    if isinstance(end, BaseException):
        raise end
    return end


@pytest.mark.parametrize("name", VALID)
def test_any_damage_ends_in_pixels_or_in_an_error_that_names_the_file(tmp_path, name):
    """7 kinds of damage, 70 seeded mutations of each of 12 files: 840 in all."""
    stem, suffix = name.split(".")
    ends = {"pixels": 0, "refused": 0}
    with memory_below(MOST_MEMORY):
        for round_ in range(ROUNDS):
            generator = np.random.default_rng((round_, zlib.crc32(name.encode())))
            mutated = MUTATIONS[round_ % len(MUTATIONS)](bytearray(VALID[name]), generator)
            file = tmp_path / f"{stem}-{round_:03d}.{suffix}"
            file.write_bytes(mutated)
            ends[timed(tmp_path, file.name)] += 1
    assert ends["refused"] >= ROUNDS // 7, "the damage hardly reached the decoder"


def test_files_of_length_zero_and_of_nothing_but_one_byte_are_refused(tmp_path):
    for suffix in ("bmp", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp"):
        for length in (0, 1):
            (tmp_path / f"{length}.{suffix}").write_bytes(b"\xff" * length)
            assert outcome(tmp_path, f"{length}.{suffix}") == "refused"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claiming(kind: str, side: int) -> bytes:
    """A file of a few hundred bytes whose header promises `side` x `side` pixels."""
    match kind:
        case "png":
            body = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
            return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body) + chunk(b"IDAT", zlib.compress(bytes(99)))
        case "bmp":
            header = b"BM" + struct.pack("<IHHI", 154, 0, 0, 54)
            return header + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(100)
        case "ppm":
            return f"P6 {side} {side} 255\n".encode() + bytes(100)
        case "tif":
            small = bytearray(VALID["raw.tif"])
            offset = struct.unpack_from("<I", small, 4)[0]
            for entry in range(struct.unpack_from("<H", small, offset)[0]):
                place = offset + 2 + 12 * entry
                if struct.unpack_from("<H", small, place)[0] in (256, 257):  # ImageWidth, ImageLength
                    small[place + 2 : place + 12] = struct.pack("<HII", 4, 1, side)
            return bytes(small)
        case "jpg":
            small = bytearray(VALID["plain.jpg"])
            place = small.index(b"\xff\xc0") + 5
            small[place : place + 4] = struct.pack(">HH", side, side)
            return bytes(small)
    raise ValueError(kind)


@pytest.mark.parametrize("kind", ["png", "bmp", "ppm", "tif", "jpg"])
def test_a_header_that_promises_too_much_is_refused_before_memory_is_taken(tmp_path, kind):
    start = time.monotonic()
    for side in (9_000, 40_000, 65_000):
        (tmp_path / f"{side}.{kind}").write_bytes(claiming(kind, side))
        with (
            memory_below(50 * 2**20),
            pytest.raises(InputError, match=rf"{side}\.{kind} .*(too large|pixels; more than)"),
        ):
            load_images(tmp_path, [Source(f"{side}.{kind}")], 16)
    assert time.monotonic() - start < LONGEST


def test_text_that_inflates_without_end_is_refused(tmp_path):
    """PNG's compressed texts are read before the picture: 64 MB of zeros in 64 KB of file."""
    body = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 * 2**20)))
    picture = chunk(b"IDAT", zlib.compress(bytes(72))) + chunk(b"IEND", b"")
    (tmp_path / "text.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body) + text + picture)
    with pytest.raises(InputError, match=r"text\.png cannot be decoded"):
        load_images(tmp_path, [Source("text.png")], 16)


ESCAPES = (
    "../secret.png",
    "a/../../secret.png",
    "{outside}/secret.png",
    "%2e%2e/secret.png",
    "%252e%252e%252fsecret.png",
    "..%5csecret.png",
    "..\\secret.png",
    "link.png",
    "linked/secret.png",
)


@pytest.fixture
def outside(tmp_path):
    """A folder with a picture that no data set may read, and a root beside which it lies."""
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(VALID["rgb.png"])
    (root / "own.png").write_bytes(VALID["rgb.png"])
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    os.symlink(tmp_path, root / "linked", target_is_directory=True)
    return tmp_path


@pytest.mark.parametrize("name", ESCAPES)
def test_no_name_in_a_table_leads_out_of_its_folder(outside, name):
    given = name.format(outside=outside)
    root = outside / "root"
    (root / "labels.csv").write_text(f"file,void_ratio_percent\nown.png,1.0\n{given},9.0\n")
    (root / "slices").mkdir()
    for each in ("own.png", "link.png", "linked", "a"):
        (root / each).rename(root / "slices" / each)
    with pytest.raises(InputError, match=r"not a relative path inside|is a link to .*outside"):
        SemiCon(root=root).load(16)
    # Listed and not from a table, an escaped name is the name of a file, which is not there.
    refused = r"not a relative path inside|is a link to .*outside|No such file or directory"
    with pytest.raises(InputError, match=refused):
        load_images(root / "slices", [Source(given)], 16)


@pytest.mark.parametrize("link", ["link.png", "linked"])
def test_no_link_in_a_folder_leads_out_of_it(outside, link):
    root = outside / "root"
    for kind in ("normal", "abnormal"):
        (root / kind).mkdir()
        (root / kind / "own.png").write_bytes(VALID["rgb.png"])
    (root / link).rename(root / "abnormal" / link)
    with pytest.raises(InputError, match="is a link to"):
        Folder(root=root).load(16)
