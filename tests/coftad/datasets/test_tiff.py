"""Grey TIFFs whichever way round they are stored, and what is said of those that cannot be read."""

import struct

import numpy as np
import pytest
from PIL import Image

from coftad.datasets.images import Source, decode, load_images
from coftad.types import InputError

GREY = np.array([[0, 40], [128, 255]], np.uint8).repeat(4, 0).repeat(4, 1)


def tiff(values, order="<", photometric=1, bits=None, samples=1, kind=1, pages=1):
    """An uncompressed TIFF of one strip, written from the specification. values: (H, W) or (H, W, samples)."""
    height, width = values.shape[:2]
    raw = values.astype(values.dtype.newbyteorder(order)).tobytes()
    bits = bits or 8 * values.itemsize
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for page in range(pages):
        start = len(content)
        entries = [
            (256, 4, width),
            (257, 4, height),
            (258, 3, bits),
            (259, 3, 1),
            (262, 3, photometric),
            (273, 4, start + 2 + 12 * 10 + 4),
            (277, 3, samples),
            (278, 4, height),
            (279, 4, len(raw)),
            (339, 3, kind),
        ]
        content += struct.pack(order + "H", len(entries))
        for tag, form, value in entries:
            packed = struct.pack(order + "HH", value, 0) if form == 3 else struct.pack(order + "I", value)
            content += struct.pack(order + "HHI", tag, form, 1) + packed
        following = start + 2 + 12 * 10 + 4 + len(raw)
        content += struct.pack(order + "I", following if page + 1 < pages else 0) + raw
    return content


def decoded(path, **options):
    return decode(path, 8, **options)[0][:, 0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("values", "kind", "grey_range"),
    [
        (255 - GREY, 1, None),
        (65535 - GREY.astype(np.uint16) * 257, 1, None),
        (4095 - GREY.astype(np.uint16) * 16, 1, (15, 4095)),
        (255 - GREY.astype(np.int16), 2, (0, 255)),
        ((255 - GREY.astype(np.int32)) * 1000, 2, (0, 255000)),
        (1 - GREY.astype(np.float32) / 255, 3, None),
    ],
    ids=["8", "16", "12 in 16", "signed 16", "signed 32", "float"],
)
def test_zero_as_white_is_the_picture_with_zero_as_black(tmp_path, order, values, kind, grey_range):
    (tmp_path / "a.tif").write_bytes(tiff(values, order, photometric=0, kind=kind))
    (tmp_path / "b.tif").write_bytes(tiff(values, order, photometric=1, kind=kind))
    white, black = (decoded(tmp_path / name, grey_range=grey_range)[0].astype(int) for name in ("a.tif", "b.tif"))
    np.testing.assert_allclose(white, GREY, atol=1)
    np.testing.assert_allclose(black, 255 - GREY.astype(int), atol=1)


def test_unsigned_32_and_packed_12_bits_too(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff((65535 - GREY.astype(np.uint32) * 257), photometric=0))
    np.testing.assert_array_equal(decoded(tmp_path / "a.tif")[0], GREY)
    packed = np.frombuffer(bytes([0xFF, 0xFF, 0xFF] * 4 + [0x00, 0x00, 0x00] * 4), np.uint8).reshape(8, 3)
    content = tiff(packed, photometric=0, bits=12)
    (tmp_path / "b.tif").write_bytes(
        content.replace(struct.pack("<HHII", 256, 4, 1, 3), struct.pack("<HHII", 256, 4, 1, 2))
    )
    twelve = decode(tmp_path / "b.tif", 8, grey_range=(0, 4095))[0]
    assert [twelve[0, 0, 0, 0], twelve[0, 0, 7, 0]] == [0, 255]


def test_every_page_of_a_volume(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(65535 - GREY.astype(np.uint16) * 257, photometric=0, pages=3))
    np.testing.assert_array_equal(decoded(tmp_path / "a.tif", pages=(0, 2)), [GREY, GREY])


def test_a_12_bit_set_asks_for_its_range_whichever_way_round(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(np.full((8, 8), 4000, np.uint16), photometric=0))
    with pytest.raises(InputError, match=r"use only the lowest 6.3% of their .*grey_range: \[0, 4095\]"):
        load_images(tmp_path, [Source("a.tif")], 8)


@pytest.mark.parametrize(
    ("values", "more", "words"),
    [
        (
            np.zeros((8, 8, 3), np.float32),
            {"photometric": 2, "samples": 3, "kind": 3},
            "3 channels of 32 bits (fl",
        ),
        (np.zeros((8, 8), np.float16), {"kind": 3}, "1 channel of 16 bits (floating point; grey)"),
        (np.zeros((8, 8), np.float64), {"kind": 3}, "1 channel of 64 bits (floating point; grey)"),
        (np.zeros((8, 8, 2), np.uint16), {"samples": 2}, "2 channels of 16 bits (unsigned; grey)"),
        (np.zeros((8, 8, 5), np.uint8), {"samples": 5}, "5 channels of 8 bits (unsigned; grey)"),
    ],
)
def test_a_layout_that_cannot_be_read_is_called_a_tiff(tmp_path, values, more, words):
    (tmp_path / "a.tif").write_bytes(tiff(values, **more))
    with pytest.raises(InputError) as caught:
        decoded(tmp_path / "a.tif")
    assert f"a.tif is a TIFF of {words}" in str(caught.value)
    assert "save it as grey of 8 or 16 bits" in str(caught.value)


def test_damage_is_told_from_an_unknown_format(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:12])
    with pytest.raises(InputError, match=r"a.png begins as PNG and cannot be read as that"):
        decoded(tmp_path / "a.png")
    (tmp_path / "b.tif").write_bytes(b"II*\0\xff\xff\xff\xff")
    with pytest.raises(InputError, match=r"b.tif (is a TIFF that cannot be read|cannot be decoded)"):
        decoded(tmp_path / "b.tif")
    (tmp_path / "c.png").write_bytes(b"words")
    with pytest.raises(InputError, match=r"c.png is not an image of a known format \(BMP"):
        decoded(tmp_path / "c.png")
