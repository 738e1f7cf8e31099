"""What TIFF leaves to its readers: which way round grey values run, and layouts that Pillow does not know."""

import struct
from pathlib import Path
from typing import Any

from PIL import Image, TiffImagePlugin

from coftad.datasets.formats import SIGNATURE, begins_as

PHOTOMETRIC = 262
BITS, SAMPLES, SAMPLE_FORMAT = 258, 277, 339
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1
DEEP = frozenset({"I;16", "I;16B", "I", "F"})

KINDS = {1: "unsigned", 2: "signed", 3: "floating point", 4: "undefined", 5: "complex integer", 6: "complex"}
PHOTOMETRICS = {0: "grey, zero is white", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab"}

# Pillow knows most layouts of more than 8 bits with zero as black only. The pixels are the same with zero as white, so
# it may read them as it does those; which way round they are is seen to here, as it is where Pillow does know them.
_LAYOUTS: dict[Any, tuple[str, str]] = TiffImagePlugin.OPEN_INFO
for (_order, _photometric, *_rest), _modes in list(_LAYOUTS.items()):
    if _photometric == BLACK_IS_ZERO and _modes[0] in DEEP:
        _LAYOUTS.setdefault((_order, WHITE_IS_ZERO, *_rest), _modes)


def white_is_zero(image: Image.Image) -> bool:
    """Whether a page of a TIFF says that its lowest value is white. Of pages of up to 8 bits Pillow sees to it."""
    tags: Any = getattr(image, "tag_v2", None)
    return tags is not None and image.format == "TIFF" and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO


def unreadable(path: Path) -> str:
    """Why a file that begins as an image of a known format is none that can be read; empty for other files."""
    try:
        with path.open("rb") as file:
            known = begins_as(file.read(SIGNATURE))
    except OSError:  # gone since it was tried
        return ""
    if known is None:
        return ""
    if known != "TIFF":
        return f"begins as {known} and cannot be read as that: it is damaged, or of a kind that no decoder here knows"
    layout = _layout(path)
    return (
        f"is a TIFF {f'of {layout}, which' if layout else 'that'} cannot be read; save it as grey of 8 or 16 bits, "
        "grey of 32-bit floats, or RGB of 8 bits"
    )


def _layout(path: Path) -> str:
    """The first page in words; empty where its tags cannot be read."""
    try:
        with path.open("rb") as file:
            header = file.read(8)
            if header[2:3] == b"\x2b":
                header += file.read(8)
            directory = TiffImagePlugin.ImageFileDirectory_v2(header)
            file.seek(directory.next)
            directory.load(file)
        tags = {tag: directory.get(tag) for tag in (BITS, SAMPLES, SAMPLE_FORMAT, PHOTOMETRIC)}
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error):  # damaged
        return ""
    bits = tags[BITS]
    if not bits:
        return ""
    channels = tags[SAMPLES] or len(bits)
    kind = KINDS.get((tags[SAMPLE_FORMAT] or (1,))[0], "unknown")
    colours = PHOTOMETRICS.get(tags[PHOTOMETRIC] or 0, f"photometric interpretation {tags[PHOTOMETRIC]}")
    return f"{channels} channel{'s' if channels > 1 else ''} of {bits[0]} bits ({kind}; {colours})"
