"""MVTec AD (Bergmann et al., CVPR 2019): 15 objects and textures, each with a training part of normal images.

The paper draws its 2, 5 or 10 shots as Sheynin et al. did ([4], Section IV.A): from `train/good`. All of `test` is
evaluated. The masks of `ground_truth` are not used: the paper scores whole images.
"""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import existing_folder, images_if_any
from coftad.datasets.images import Source, image_set, load_images
from coftad.datasets.inventory import Inventory, Origin, Part, damaged, require
from coftad.types import _STRICT, ImageSet, PositiveView

# fmt: off
Category = Literal[
    "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill", "screw", "tile",
    "toothbrush", "transistor", "wood", "zipper",
]

GOOD = "good"

IMAGES: dict[Category, tuple[int, dict[str, int]]] = {
    "bottle": (209, {GOOD: 20, "broken_large": 20, "broken_small": 22, "contamination": 21}),
    "cable": (224, {
        GOOD: 58, "bent_wire": 13, "cable_swap": 12, "combined": 11, "cut_inner_insulation": 14,
        "cut_outer_insulation": 10, "missing_cable": 12, "missing_wire": 10, "poke_insulation": 10,
    }),
    "capsule": (219, {GOOD: 23, "crack": 23, "faulty_imprint": 22, "poke": 21, "scratch": 23, "squeeze": 20}),
    "carpet": (280, {GOOD: 28, "color": 19, "cut": 17, "hole": 17, "metal_contamination": 17, "thread": 19}),
    "grid": (264, {GOOD: 21, "bent": 12, "broken": 12, "glue": 11, "metal_contamination": 11, "thread": 11}),
    "hazelnut": (391, {GOOD: 40, "crack": 18, "cut": 17, "hole": 18, "print": 17}),
    "leather": (245, {GOOD: 32, "color": 19, "cut": 19, "fold": 17, "glue": 19, "poke": 18}),
    "metal_nut": (220, {GOOD: 22, "bent": 25, "color": 22, "flip": 23, "scratch": 23}),
    "pill": (267, {
        GOOD: 26, "color": 25, "combined": 17, "contamination": 21, "crack": 26, "faulty_imprint": 19, "pill_type": 9,
        "scratch": 24,
    }),
    "screw": (320, {
        GOOD: 41, "manipulated_front": 24, "scratch_head": 24, "scratch_neck": 25, "thread_side": 23, "thread_top": 23,
    }),
    "tile": (230, {GOOD: 33, "crack": 17, "glue_strip": 18, "gray_stroke": 16, "oil": 18, "rough": 15}),
    "toothbrush": (60, {GOOD: 12, "defective": 30}),
    "transistor": (213, {GOOD: 60, "bent_lead": 10, "cut_lead": 10, "damaged_case": 10, "misplaced": 10}),
    "wood": (247, {GOOD: 19, "color": 8, "combined": 11, "hole": 10, "liquid": 10, "scratch": 21}),
    "zipper": (240, {
        GOOD: 32, "broken_teeth": 19, "combined": 16, "fabric_border": 17, "fabric_interior": 16, "rough": 17,
        "split_teeth": 18, "squeezed_teeth": 16,
    }),
}
"""How many of train/good, 3,629 in all, and of each folder of test, 1,725 in all. In every folder they are 000.png,
001.png and so on."""
# fmt: on


@validated(frozen=True, config=_STRICT)
class MVTec:
    """One category: train/good for the support sets, test/good normal, the other folders of test anomalous.

    root: the folder that holds the categories.
    allow_partial: take the images that are there.
    """

    root: Path
    category: Category
    allow_partial: bool = False

    origin: ClassVar[Origin] = Origin(
        title="MVTec AD",
        source="https://www.mvtec.com/company/research/datasets/mvtec-ad",
        terms="CC BY-NC-SA 4.0: no commercial use",
        layout="<category>/train/good/000.png, ..., <category>/test/good/000.png, ... and <category>/test/<defect>/...",
    )
    positive_augmentation: ClassVar[PositiveView] = "industrial"

    @classmethod
    def survey(cls, root: Path) -> Inventory:
        base = existing_folder(root, cls.origin.layout)
        return Inventory(tuple(part for category in IMAGES for part in _parts(base, category)))

    def inventory(self) -> Inventory:
        """As `survey`, of the category: each is a download of its own, and the paper's figures are by category."""
        return Inventory(_parts(existing_folder(self.root, self.origin.layout), self.category))

    def load(self, image_size: int) -> ImageSet:
        """Train, then test, stretched to S x S. Raises InputError for images that are missing or of no use."""
        root = existing_folder(self.root, self.origin.layout)
        partial = require(self.origin, root, self.inventory(), allow_partial=self.allow_partial)
        found = {folder: images_if_any(root, folder, recursive=False) for folder in _folders(self.category)}
        names = [name for each in found.values() for name in each]
        labels = [int(not folder.endswith(f"/{GOOD}")) for folder, each in found.items() for _ in each]
        for_support = [folder == f"{self.category}/train/{GOOD}" for folder, each in found.items() for _ in each]
        provenance = {
            "root": str(root),
            "category": self.category,
            **{folder.removeprefix(f"{self.category}/"): len(each) for folder, each in found.items()},
            **partial,
        }
        images = load_images(root, [Source(name) for name in names], image_size)
        return image_set(f"mvtec_{self.category}", images, labels, names, provenance, for_support)


def _folders(category: Category) -> dict[str, int]:
    """The folders of a category, relative to the root, with the number of images in each."""
    train, test = IMAGES[category]
    return {f"{category}/train/{GOOD}": train, **{f"{category}/test/{kind}": count for kind, count in test.items()}}


def _parts(root: Path, category: Category) -> tuple[Part, ...]:
    """The training and the test images of a category."""
    parts = []
    for half in ("train", "test"):
        folders = {name: count for name, count in _folders(category).items() if name.startswith(f"{category}/{half}/")}
        found = [name for folder in folders for name in images_if_any(root, folder, recursive=False)]
        native = [f"{folder}/{i:03d}.png" for folder, count in folders.items() for i in range(count)]
        known = set(found)
        missing = tuple(name for name in native if name not in known)
        parts.append(Part(f"{category}/{half}", len(found), len(native), missing, damaged(root, found)))
    return tuple(parts)
