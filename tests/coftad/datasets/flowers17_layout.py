"""Flowers17 in its native layout: 1,360 small JPEG files whose two halves tell species and number."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def write(root: Path) -> dict[str, Any]:
    """The whole set under `root`, and keys that load a pair of it."""
    (root / "jpg").mkdir(parents=True)
    for number in range(1, 1361):
        (root / "jpg" / f"image_{number:04d}.jpg").write_bytes(encoded(number))
    return {"root": root, "normal": "crocus", "abnormal": "bluebell"}


def encoded(number: int) -> bytes:
    """Two flat blocks of 8 x 8, which JPEG at full quality keeps to the value: 10 a species, and the place in it."""
    species, place = divmod(number - 1, 80)
    halves = np.repeat(np.array([[10 * species, 2 * place]], np.uint8), 8, axis=1).repeat(8, axis=0)
    file = io.BytesIO()
    Image.fromarray(halves).save(file, "JPEG", quality=100)
    return file.getvalue()
