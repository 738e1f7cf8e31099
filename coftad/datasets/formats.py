"""Which formats of images are read, and the suffixes under which a folder's files count as one."""

from PIL import Image, features

FORMATS = (
    *("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"),
    *(name for name, feature in (("AVIF", "avif"), ("JPEG2000", "jpg_2000")) if features.check(feature)),
)
"""The decoders that may look at a file, whatever it is called. JPEG includes the several pictures of a camera's MPO.
Those of AVIF and JPEG 2000 are not in every build of Pillow."""

Image.init()  # registers all decoders, before threads ask for them

SUFFIXES = frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS)
"""What counts as an image in a folder, in any case of letters. Other files, and hidden ones, are not looked at."""


SIGNATURE = 64
"""Bytes at the beginning of a file that tell its format."""


def begins_as(start: bytes) -> str | None:
    """The format whose signature a file begins with; None if it is none of ours."""
    for name in FORMATS:
        accept = Image.OPEN[name][1]
        if accept is not None and accept(start) is True:
            return name
    return None
