"""Magnetic Tile Defects (Huang et al., The Visual Computer, 2020): 952 free tiles, 392 with one of five defects.

The paper's text calls the 952 the defective ones; they are the free ones. Its masks are not used.
"""

from pathlib import Path
from typing import ClassVar

from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import existing_folder, images_below, refuse
from coftad.datasets.images import Source, image_set, load_images
from coftad.types import _STRICT, ImageSet, PositiveView

CLASSES = ("MT_Free", "MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Uneven")


@validated(frozen=True, config=_STRICT)
class MagneticTile:
    """Tiles in their native folders: the .jpg files of MT_Free/Imgs are normal, those of the five defects anomalous.

    root: the folder that holds MT_Free, MT_Blowhole, MT_Break, MT_Crack, MT_Fray and MT_Uneven.
    """

    root: Path

    positive_augmentation: ClassVar[PositiveView] = "industrial"

    def load(self, image_size: int) -> ImageSet:
        """All tiles, stretched to S x S. Raises InputError for a class that is missing and for all unusable images."""
        root = existing_folder(self.root, f"the folders {', '.join(CLASSES)}, each with Imgs/*.jpg")
        names: list[str] = []
        labels: list[int] = []
        counts: dict[str, int] = {}
        problems: list[str] = []
        for folder in CLASSES:
            tiles = [each for each in images_below(root, f"{folder}/Imgs") if not each.lower().endswith(".png")]
            if not tiles:
                problems.append(f"{folder}/Imgs has no .jpg")
            names += tiles
            labels += [int(folder != "MT_Free")] * len(tiles)
            counts[folder] = len(tiles)
        refuse(f"{root} is not the whole Magnetic Tile set:", problems)
        images = load_images(root, [Source(name) for name in names], image_size)
        return image_set("magnetic_tile", images, labels, names, {"root": str(root), **counts})
