"""Complete native layouts of all data sets, written quickly: many hard links to a few tiny images.

`LAYOUTS[name](root)` writes the whole set called `name` into `root` and returns the keys with which it is loaded.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from coftad.datasets import aitex, magnetic_tile, mvtec
from tests.coftad.datasets import cifar_c_layout, flowers17_layout


def linked(root: Path, names: Iterable[str], pixels: np.ndarray) -> None:
    """One image under many names, relative to `root`."""
    first: Path | None = None
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if first is None:
            first = path
            Image.fromarray(pixels).save(path, "PNG")  # decoders look at the content, not at the name
        else:
            os.link(first, path)


TINY = np.full((4, 6), 90, np.uint8)


def write_mvtec(root: Path) -> dict[str, Any]:
    counts = {
        f"{category}/{folder}": count
        for category, (train, test) in mvtec.IMAGES.items()
        for folder, count in {"train/good": train, **{f"test/{kind}": n for kind, n in test.items()}}.items()
    }
    linked(root, (f"{folder}/{i:03d}.png" for folder, count in counts.items() for i in range(count)), TINY)
    return {"root": root, "category": "bottle"}


def write_aitex(root: Path, width: int = 5 * aitex.PATCH) -> dict[str, Any]:
    """Strips as high as the real ones and as wide as they must be."""
    strip, mask = np.full((aitex.PATCH, width), 90, np.uint8), np.zeros((aitex.PATCH, width), np.uint8)
    mask[100:110, 700:720] = 255
    defective = [f"{i:04d}_019_02" for i in range(1, aitex.DEFECTIVE + 1)]
    free = [
        f"{folder}/{i:04d}_000_{fabric}.png"
        for folder, fabric in aitex.FABRICS.items()
        for i in range(1, aitex.STRIPS + 1)
    ]
    linked(root / "NODefect_images", free, strip)
    linked(root / "Defect_images", (f"{stem}.png" for stem in defective), strip)
    linked(root / "Mask_images", (f"{stem}_mask.png" for stem in defective), mask)
    return {"root": root}


def write_magnetic_tile(root: Path) -> dict[str, Any]:
    names = (
        f"{name}/Imgs/exp1_num_{i}.{suffix}"
        for name, count in magnetic_tile.TILES.items()
        for i in range(count)
        for suffix in ("jpg", "png")
    )
    linked(root, names, TINY)
    return {"root": root}


def write_semicon(root: Path) -> dict[str, Any]:
    linked(root / "slices", (f"{i}.png" for i in range(16)), TINY)
    linked(root / "slices", (f"{i}.png" for i in range(16, 24)), TINY + 1)
    rows = [f"{i}.png,{1 if i < 16 else 9}" for i in range(24)]
    (root / "labels.csv").write_text("\n".join(["file,void_ratio_percent", *rows]))
    return {"root": root}


def write_folder(root: Path) -> dict[str, Any]:
    for kind, count, pixels in (("normal", 16, TINY), ("abnormal", 8, TINY + 1)):
        linked(root, [f"{kind}/{i}.png" for i in range(count)], pixels)
    return {"root": root}


LAYOUTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "semicon": write_semicon,
    "aitex": write_aitex,
    "cifar10_c": cifar_c_layout.write_10,
    "cifar100_c": cifar_c_layout.write_100,
    "flowers17": flowers17_layout.write,
    "magnetic_tile": write_magnetic_tile,
    "mvtec": write_mvtec,
    "folder": write_folder,
}

SPARE = {
    "cifar10_c": "CIFAR-10-C/contrast.npy",
    "cifar100_c": "CIFAR-100-C/contrast.npy",
}
"""A file that a part of the set can do without, where it is not the one that the last path names."""
