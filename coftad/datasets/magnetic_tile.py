"""Magnetic Tile Defects (Huang et al., The Visual Computer, 2020): 952 free tiles, 392 with one of five defects.

The paper's text calls the 952 the defective ones; they are the free ones. Its masks are not used, except to name tiles
that are missing: every tile has one of its own name.
"""

from pathlib import Path
from typing import ClassVar

from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import existing_folder, images_if_any
from coftad.datasets.images import Source, image_set, load_images
from coftad.datasets.inventory import Inventory, Origin, Part, damaged, require
from coftad.types import _STRICT, ImageSet, PositiveView

TILES = {"MT_Free": 952, "MT_Blowhole": 115, "MT_Break": 85, "MT_Crack": 57, "MT_Fray": 32, "MT_Uneven": 103}
"""By class, as published. MT_Free is normal."""


@validated(frozen=True, config=_STRICT)
class MagneticTile:
    """Tiles in their native folders: the .jpg files of MT_Free/Imgs are normal, those of the five defects anomalous.

    root: the folder that holds MT_Free, MT_Blowhole, MT_Break, MT_Crack, MT_Fray and MT_Uneven.
    allow_partial: take the tiles that are there.
    """

    root: Path
    allow_partial: bool = False

    origin: ClassVar[Origin] = Origin(
        title="Magnetic Tile Defects",
        source="https://github.com/abin24/Magnetic-tile-defect-datasets.",  # the dot is part of its name
        terms="free to use, cite Huang et al., The Visual Computer, 2020",
        layout=f"the folders {', '.join(TILES)}, each with Imgs/*.jpg and a mask *.png of each",
    )
    positive_augmentation: ClassVar[PositiveView] = "industrial"

    @classmethod
    def survey(cls, root: Path) -> Inventory:
        base = existing_folder(root, cls.origin.layout)
        return Inventory(tuple(_part(base, name, expected) for name, expected in TILES.items()))

    def inventory(self) -> Inventory:
        return self.survey(self.root)

    def load(self, image_size: int) -> ImageSet:
        """All tiles, stretched to S x S. Raises InputError for tiles that are missing and for all unusable images."""
        root = existing_folder(self.root, self.origin.layout)
        partial = require(self.origin, root, self.inventory(), allow_partial=self.allow_partial)
        tiles = {name: _tiles_and_masks(root, name)[0] for name in TILES}
        names = [tile for each in tiles.values() for tile in each]
        labels = [int(name != "MT_Free") for name, each in tiles.items() for _ in each]
        images = load_images(root, [Source(name) for name in names], image_size)
        counts = {name: len(each) for name, each in tiles.items()}
        return image_set("magnetic_tile", images, labels, names, {"root": str(root), **counts, **partial})


def _tiles_and_masks(root: Path, name: str) -> tuple[list[str], list[str]]:
    images = images_if_any(root, f"{name}/Imgs")
    return (
        [each for each in images if not each.lower().endswith(".png")],
        [each for each in images if each.lower().endswith(".png")],
    )


def _part(root: Path, name: str, expected: int) -> Part:
    tiles, masks = _tiles_and_masks(root, name)
    known = {Path(tile).stem for tile in tiles}
    missing = [f"{mask[:-4]}.jpg" for mask in masks if Path(mask).stem not in known]
    return Part(name, len(tiles), expected, tuple(missing), damaged(root, tiles))
