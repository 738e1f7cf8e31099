import hashlib
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from coftad.datasets import images
from coftad.datasets.images import Source, decode, image_set, load_images, resized_all
from coftad.types import InputError


def decoded(path, image_size=8, **options):
    [pixels], _ = decode(path, image_size, **options)
    assert pixels.shape == (3, image_size, image_size)
    assert pixels.dtype == np.uint8
    return pixels


def png_header(width, height):
    """A PNG that claims a size and holds one byte of it."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_rgb_of_the_right_size_keeps_its_pixels(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    np.testing.assert_array_equal(decoded(tmp_path / "a.png"), rgb.transpose(2, 0, 1))


def test_greyscale_and_bilevel_become_three_equal_channels(tmp_path):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey > 31).save(tmp_path / "bilevel.png")
    np.testing.assert_array_equal(decoded(tmp_path / "grey.png"), np.stack([grey] * 3))
    np.testing.assert_array_equal(decoded(tmp_path / "bilevel.png"), np.stack([(grey > 31) * np.uint8(255)] * 3))


@pytest.mark.parametrize("shape", [(2, 6, 5, 3), (2, 6, 5)])
def test_arrays_become_what_files_of_them_do(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for row, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / f"{row}.png")
    from_files = load_images(tmp_path, [Source("0.png"), Source("1.png")], 8)
    np.testing.assert_array_equal(resized_all(pixels, 8), from_files)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_by_its_full_range(tmp_path, suffix):
    grey = np.array([[0, 257], [32896, 65535]], np.uint16).repeat(4, 0).repeat(4, 1)
    Image.fromarray(grey).save(tmp_path / f"deep.{suffix}")
    pixels = decoded(tmp_path / f"deep.{suffix}")
    assert pixels[:, [0, 0, 7, 7], [0, 7, 0, 7]].tolist() == [[0, 1, 128, 255]] * 3


def test_a_grey_range_names_other_values_for_black_and_white(tmp_path):
    Image.fromarray(np.array([[100, 2148, 4196, 65535]], np.uint16).repeat(8, 0).repeat(2, 1)).save(tmp_path / "a.tif")
    pixels = decoded(tmp_path / "a.tif", grey_range=(100, 4196))
    assert pixels[0, 0, [0, 3, 7]].tolist() == [0, 128, 255]


def test_floats_are_zero_to_one_unless_a_range_is_given(tmp_path):
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(tmp_path / "unit.tif")
    Image.fromarray(np.full((8, 8), 300, np.float32)).save(tmp_path / "counts.tif")
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(tmp_path / "nan.tif")
    assert (decoded(tmp_path / "unit.tif") == 128).all()
    with pytest.raises(InputError, match=r"counts.tif has grey values from 300 to 300.*range is 0 to 1.*grey_range"):
        decoded(tmp_path / "counts.tif")
    assert (decoded(tmp_path / "counts.tif", grey_range=(0, 600)) == 128).all()
    with pytest.raises(InputError, match="not finite"):
        decoded(tmp_path / "nan.tif")


def test_32_bit_integers_beyond_16_bits_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 70000, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="from 70000 to 70000"):
        decoded(tmp_path / "a.tif")


def test_a_12_bit_set_asks_for_its_range_instead_of_loading_black(tmp_path):
    Image.fromarray(np.full((8, 8), 4095, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"grey_range: \[0, 4095\]"):
        load_images(tmp_path, [Source("a.png")], 8)
    assert (load_images(tmp_path, [Source("a.png")], 8, grey_range=(0, 4095)) == 255).all()
    assert (load_images(tmp_path, [Source("a.png")], 8, grey_range=(0, 65535)) == 16).all()


def test_transparency_is_laid_over_white(tmp_path):
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = (200, 0, 0, 255)
    rgba[:, 4:] = (0, 0, 200, 0)
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    pixels = decoded(tmp_path / "rgba.png")
    assert pixels[:, 0, 0].tolist() == [200, 0, 0]
    assert pixels[:, 0, 7].tolist() == [255, 255, 255]

    half = Image.fromarray(np.full((8, 8, 2), (0, 128), np.uint8), "LA")
    half.save(tmp_path / "la.png")
    assert decoded(tmp_path / "la.png")[:, 0, 0].tolist() == [127] * 3

    palette = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) // 32, "P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "p.png")
    palette.save(tmp_path / "p_clear.png", transparency=0)
    assert decoded(tmp_path / "p.png")[:, [0, 7], 0].T.tolist() == [[10, 20, 30], [40, 50, 60]]
    assert decoded(tmp_path / "p_clear.png")[:, [0, 7], 0].T.tolist() == [[255, 255, 255], [40, 50, 60]]


def test_cmyk_jpeg_has_the_colours_of_the_rgb_it_was_made_from(tmp_path):
    rgb = Image.new("RGB", (16, 16), (200, 40, 90))
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    assert np.abs(decoded(tmp_path / "cmyk.jpg").mean((1, 2)) - (200, 40, 90)).max() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, orientation):
    """Left half dark when upright; stored turned or mirrored by the inverse of each orientation's correction."""
    upright = Image.fromarray(np.array([[0, 255]], np.uint8).repeat(32, 0).repeat(16, 1))
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if inverse is None else upright.transpose(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    pixels = decoded(tmp_path / "a.jpg").astype(int)
    assert pixels[:, :, :3].max() < 20
    assert pixels[:, :, 5:].min() > 235


def test_of_a_cameras_several_pictures_the_first_counts(tmp_path):
    first, second = Image.new("RGB", (16, 16), (250, 250, 250)), Image.new("RGB", (16, 16))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert decoded(tmp_path / "a.jpg").min() > 245


def test_shrinking_is_antialiased(tmp_path):
    """A one-pixel checkerboard averages to grey; picking pixels would give black or white."""
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a.png")
    assert np.abs(decoded(tmp_path / "a.png", 16).astype(int) - 127).max() <= 2


def test_all_bad_files_are_reported_at_once_each_with_its_reason(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.save(tmp_path / "good.jpg")
    whole = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bomb.png").write_bytes(png_header(50_000, 50_000))
    (tmp_path / "large.png").write_bytes(png_header(9_400, 9_400))
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").touch()
    noise.save(tmp_path / "pages.tif", save_all=True, append_images=[noise])
    names = ["good.jpg", "truncated.jpg", "bomb.png", "large.png", "text.png", "empty.png", "pages.tif", "absent.png"]
    with pytest.raises(InputError) as caught:
        load_images(tmp_path, [Source(name) for name in names], 8)
    lines = str(caught.value).splitlines()
    reasons = [
        "truncated",
        "too large",
        "9400 x 9400 pixels",
        "not an image",
        "not an image",
        "2 pages",
        "No such file",
    ]
    assert len(lines) == 8
    for name, reason, line in zip(names[1:], reasons, lines[1:], strict=True):
        assert name in line
        assert reason in line


def test_a_bomb_is_refused_without_decoding_and_the_filters_are_left_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "resized", lambda *_: pytest.fail("decoded"))
    (tmp_path / "bomb.png").write_bytes(png_header(10_000, 10_000))
    before = list(warnings.filters)
    with pytest.raises(InputError, match="too large"):
        load_images(tmp_path, [Source("bomb.png")], 8)
    assert warnings.filters == before


def test_the_order_is_that_of_the_sources_and_pages(tmp_path):
    def grey(value):
        return Image.new("L", (4, 4), value)

    for value in (10, 20):
        grey(value).save(tmp_path / f"{value}.png")
    grey(30).save(tmp_path / "volume.tif", save_all=True, append_images=[grey(40), grey(50)])
    loaded = load_images(tmp_path, [Source("20.png"), Source("volume.tif", (2, 0)), Source("10.png")], 4)
    assert loaded[:, 0, 0, 0].tolist() == [20, 50, 30, 10]


def test_the_digest_covers_images_labels_and_paths():
    pixels = np.zeros((2, 3, 4, 4), np.uint8)
    made = image_set("a", pixels.copy(), [0, 1], ["x", "y"], {})
    expected = hashlib.sha256(b"(2, 3, 4, 4)" + bytes(96) + b"\x00\x01" + b"x\0y\0").hexdigest()
    assert made.digest == expected
    other = pixels.copy()
    other[1, 2, 3, 3] = 1
    for changed in [(other, [0, 1], ["x", "y"]), (pixels, [1, 1], ["x", "y"]), (pixels, [0, 1], ["x", "z"])]:
        assert image_set("a", *changed, {}).digest != expected
    assert not made.images.flags.writeable
    with pytest.raises(ValueError, match="unique"):
        image_set("a", pixels, [0, 1], ["x", "x"], {})
