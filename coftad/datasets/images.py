"""Image files to one array: every kind of picture becomes RGB, uint8, square, decoded and resized once.

What is decided here, because formats leave it open:

- Transparent pixels are laid over white, as a page shows them; the colours hidden under them never count.
- Grey values of more than 8 bits are scaled by the full range of their format, 0..65535 for integers and 0..1 for
  floats, the same for all images of a set: scaling each by its own extremes would erase what a defect looks like.
  `grey_range` names another range, as a 12-bit camera needs. Where a TIFF says that zero is white, as X-ray machines
  write, white and black change places after that.
- Colour profiles are not applied. CMYK is converted as if it had none.
- The picture is stretched to a square: a crop could cut the defect off.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import AfterValidator

from coftad.datasets import copies
from coftad.datasets.files import refuse, within
from coftad.datasets.formats import FORMATS
from coftad.datasets.tiff import unreadable, white_is_zero
from coftad.types import Images, ImageSet, InputError

MAX_PIXELS = 80_000_000
"""Of one image, by its header, before anything is decoded: 240 MB as RGB, below the 89 million where Pillow warns."""

_KNOWN = ", ".join(FORMATS)

Item = TypeVar("Item")
Result = TypeVar("Result")


def _ascending(grey_range: tuple[float, float]) -> tuple[float, float]:
    if grey_range[0] >= grey_range[1]:
        raise ValueError(f"the value of black must be below that of white, got {grey_range[0]:g} and {grey_range[1]:g}")
    return grey_range


GreyRange = Annotated[tuple[float, float], AfterValidator(_ascending)]
"""Grey values shown as black and as white, in images of more than 8 bits."""

DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
"""Pillow's names for one channel of more than 8 bits."""

DIM = 32
"""A set whose deepest white stays below this (of 255) has lost at least three of its eight bits to the wrong range."""


def resized(image: Image.Image, image_size: int, grey_range: GreyRange | None = None) -> Images:
    """`image` as (3, S, S) uint8, bicubic with antialiasing. Raises InputError for grey values that do not fit."""
    upright = ImageOps.exif_transpose(image)
    size = (image_size, image_size)
    if upright.mode in DEEP_MODES:
        values = _scaled_grey(upright, grey_range)
        if white_is_zero(image):
            values = 255 - values
        scaled = Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)
        grey = np.asarray(scaled).round().clip(0, 255).astype(np.uint8)
        return np.repeat(grey[None], 3, axis=0)
    small = _over_white(upright).resize(size, Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def resized_all(pixels: NDArray[np.uint8], image_size: int) -> Images:
    """(N, 3, S, S) of `pixels`, (N, H, W) grey or (N, H, W, 3), by the same path as images from files."""
    images = np.empty((len(pixels), 3, image_size, image_size), np.uint8)
    for row, each in enumerate(pixels):
        images[row] = resized(Image.fromarray(each), image_size)
    return images


def _scaled_grey(image: Image.Image, grey_range: GreyRange | None) -> NDArray[np.float32]:
    """(H, W) of 0..255, still with fractions, so that resizing works on all the bits there are."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError("has grey values that are not finite")
    black, white = grey_range or ((0.0, 1.0) if image.mode == "F" else (0.0, 65535.0))
    if grey_range is None and (values.min() < black or values.max() > white):
        raise InputError(
            f"has grey values from {values.min():g} to {values.max():g}, its format's range is {black:g} to {white:g}; "
            "say `grey_range: [black, white]`"
        )
    return (((values - black) / (white - black)).clip(0, 1) * 255).astype(np.float32)


def _over_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


@dataclass(frozen=True)
class Source:
    """A file inside the root of a data set: one image, or the `pages` wanted (from 0) of a volume."""

    name: str
    pages: tuple[int, ...] = ()


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The image file at `path`, its header read and its size checked, nothing decoded yet.

    Whatever goes wrong here or in the block, in one of the many decoders, is an InputError whose message starts with
    the path.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(image)
            yield image
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path} {unreadable(path) or f'is not an image of a known format ({_KNOWN})'}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} is too large to be opened: {error}") from error
    except Exception as error:  # damaged files raise anything from struct.error to IndexError
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{path} cannot be decoded: {reason or type(error).__name__}") from error


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(f"has {image.width} x {image.height} pixels; more than {MAX_PIXELS:,} are not opened")


def decode(
    path: Path, image_size: int, *, grey_range: GreyRange | None = None, pages: tuple[int, ...] = ()
) -> tuple[Images, int | None]:
    """(P, 3, S, S) uint8, and what of its range a file of more than 8 bits uses: the highest of 0..255, counted from
    the value that stands for zero; None for other files. P is 1, or one for each of `pages` of a volume.

    Raises InputError naming the file.
    """
    with opened(path) as image:
        held = getattr(image, "n_frames", 1)
        if not pages and image.format == "TIFF" and held > 1:
            raise InputError(f"is a volume of {held} pages; expected a single image")
        if missing := [page for page in pages if page >= held]:
            raise InputError(f"has pages 0 to {held - 1}; asked for {', '.join(map(str, missing))}")
        decoded = []
        for page in pages or (0,):
            if pages:
                image.seek(page)
                _check_size(image)
            decoded.append(resized(image, image_size, grey_range))
        images = np.stack(decoded)
        if image.mode not in DEEP_MODES:
            return images, None
        return images, 255 - int(images.min()) if white_is_zero(image) else int(images.max())


def on_threads(root: Path, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What `work` makes of each item, in order. Raises one InputError for all items of which it raised one."""

    def tried(item: Item) -> Result | InputError:
        try:
            return work(item)
        except InputError as error:
            return InputError(str(error))  # without the traceback, which would hold on to pixels

    workers = min(8, os.cpu_count() or 1)
    with warnings.catch_warnings():
        # Filters belong to the process, so this is set once around the pool and not in its threads.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
            ends = list(pool.map(tried, items))
    refuse(f"{root} has images that cannot be used:", [str(end) for end in ends if isinstance(end, InputError)])
    return [end for end in ends if not isinstance(end, InputError)]


def load_images(
    root: Path, sources: Sequence[Source], image_size: int, *, grey_range: GreyRange | None = None
) -> Images:
    """(N, 3, S, S) uint8: the images of `sources`, in that order, decoded on a pool of threads.

    Raises one InputError for all files that cannot be used, and for a set of deep images that is all but black.
    """
    first_rows = np.cumsum([0, *(max(1, len(source.pages)) for source in sources)])
    images = np.empty((int(first_rows[-1]), 3, image_size, image_size), np.uint8)
    highest = np.full(len(images), -1)  # of deep images

    def fill(place: tuple[Source, int]) -> None:
        source, row = place
        pixels, used = decode(within(root, source.name), image_size, grey_range=grey_range, pages=source.pages)
        images[row : row + len(pixels)] = pixels
        highest[row : row + len(pixels)] = -1 if used is None else used

    on_threads(root, fill, list(zip(sources, first_rows[:-1].tolist(), strict=True)))
    deep = int(np.count_nonzero(highest >= 0))
    if grey_range is None and deep and (white := int(highest.max())) < DIM:
        raise InputError(
            f"{root}: the {deep} images of more than 8 bits use only the lowest {white / 255:.1%} of their "
            "format's range; say which values are black and white, such as `grey_range: [0, 4095]` for 12 bits"
        )
    return images


def image_set(
    name: str,
    images: Images,
    labels: Sequence[int],
    paths: Sequence[str],
    provenance: Mapping[str, Any],
    for_support: Sequence[bool] | None = None,
    *,
    consistent: bool = False,
) -> ImageSet:
    """The finished set, its images (N, 3, S, S) made read-only because all workers share them.

    Images with the same pixels are told in its provenance, under `copies`. consistent: raise InputError, with their
    names, where one of them is normal and another anomalous: AUROC would be wrong by construction. That is for sets
    whose labels their user can put right; a published set is what it is, and its figures are compared with others'.

    The digest is SHA-256 of the shape, the images, the labels and the paths, each path ended by a zero byte, and of the
    native training part if the set has one.
    """
    marks = np.asarray(labels, np.int8)
    part = None if for_support is None else np.asarray(for_support, bool)
    if part is not None and part.shape != marks.shape:
        raise ValueError(f"{name}: {len(marks)} labels, {len(part)} images in or out of the training part")
    if not len(images) == len(marks) == len(paths) or len(set(paths)) != len(paths):
        raise ValueError(f"{name}: {len(images)} images, {len(marks)} labels, {len(paths)} paths, which must be unique")
    images = np.ascontiguousarray(images)
    same = copies.groups(images)
    if consistent:
        refuse(f"the same picture is in {name} twice, with both labels:", copies.contradictions(same, marks, paths))
    provenance = {**provenance, **({"copies": copies.summary(same, marks, paths)} if same else {})}
    images.flags.writeable = False
    marks.flags.writeable = False
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(images.data)
    digest.update(marks.data)
    for path in paths:
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0")
    if part is not None:
        part.flags.writeable = False
        digest.update(part.data)
    return ImageSet(name, images, marks, tuple(paths), digest.hexdigest(), provenance, part)
