"""Real solder crops above, simulated ones below, normal left and defective right, and their grey values as numbers.

python -m benchmarks.solder_side_by_side --root DATA/semicon --out solder.png
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coftad.datasets.semicon import SemiCon
from coftad.seeding import numpy_generator
from coftad.types import ImageSet

SIZE = 96
COLUMNS = 7
ROWS = 4
GAP = 12


def block(image_set: ImageSet, label: int, seed: int) -> NDArray[np.uint8]:
    """(ROWS * SIZE, COLUMNS * SIZE) of images with `label`, drawn by chance."""
    rows = np.flatnonzero(image_set.labels == label)
    chosen = numpy_generator(seed, "side by side", image_set.digest).choice(rows, ROWS * COLUMNS, replace=False)
    tiles = image_set.images[chosen, 0].reshape(ROWS, COLUMNS, SIZE, SIZE)
    return tiles.transpose(0, 2, 1, 3).reshape(ROWS * SIZE, COLUMNS * SIZE)


def figures(image_set: ImageSet, label: int) -> str:
    """Mean (standard deviation) over images, of grey values that would give a simulation away."""
    grey = image_set.images[image_set.labels == label, 0].astype(np.float64)
    middle = grey[:, SIZE // 3 : -SIZE // 3, SIZE // 3 : -SIZE // 3]
    rough = np.abs(np.diff(grey, axis=2)).mean((1, 2))
    values = {
        "mean": grey.mean((1, 2)),
        "std": grey.std((1, 2)),
        "1 %": np.percentile(grey, 1, (1, 2)),
        "50 %": np.percentile(grey, 50, (1, 2)),
        "99 %": np.percentile(grey, 99, (1, 2)),
        "middle": middle.mean((1, 2)),
        "middle std": middle.std((1, 2)),
        "gradient": rough,
    }
    return "  ".join(f"{name} {value.mean():.0f} ({value.std():.0f})" for name, value in values.items())


def histogram(image_set: ImageSet) -> NDArray[np.float64]:
    """(16,): share of pixels in bins of 16 grey values."""
    return np.histogram(image_set.images[:, 0], bins=16, range=(0, 256))[0] / image_set.images[:, 0].size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder with slices/ and labels.csv")
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    sets = {"real": SemiCon(root=arguments.root).load(SIZE), "simulated": SemiCon(seed=arguments.seed).load(SIZE)}
    white = np.full((ROWS * SIZE, GAP), 255, np.uint8)
    bands = [
        np.hstack([block(each, 0, arguments.seed), white, block(each, 1, arguments.seed)]) for each in sets.values()
    ]
    Image.fromarray(np.vstack([bands[0], np.full((GAP, bands[0].shape[1]), 255, np.uint8), bands[1]])).save(
        arguments.out
    )

    for label, kind in enumerate(("normal", "defective")):
        for name, image_set in sets.items():
            print(f"{kind:9} {name:9} {figures(image_set, label)}")
    for name, image_set in sets.items():
        print(f"{name:9} histogram, %: " + " ".join(f"{100 * share:4.1f}" for share in histogram(image_set)))
    overlap = np.minimum(*(histogram(each) for each in sets.values())).sum()
    print(f"histograms overlap by {overlap:.1%}; picture in {arguments.out}")


if __name__ == "__main__":
    main()
