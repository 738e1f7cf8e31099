"""AITEX fabrics (Silvestre-Blanes et al., AUTEX Research Journal, 2019), cut into patches as in Section IV.A.

The paper cuts five patches of 256 x 256 at random from each strip of 4096 x 256, trains on 5, 10 or 50 normal ones and
tests on 600 normal and 105 defect patches. Here five patches of each of the 140 defect-free strips are normal, and one
of each of the 105 defective strips shows its defect: with `pool_normal: 600`, 100 are left for support sets. As in the
paper, support set and pool may hold patches of one strip. What the paper leaves open:

- Patches of a defect-free strip do not overlap. A defect patch is placed at random around a marked stretch of its
  masks, all of it if it fits.
- The left of most strips, up to a third, shows no cloth but white or the table, and not as much of it on defective
  strips as on others. Patches begin where the cloth does, unless the defect lies on its edge.
- The archives hold two strips more than their authors count. 0018_00_01.png repeats a number and 0100_025_08.png, of a
  cloth that has no other strip, has no mask: both are left out. The mask of 0106_010_03.png is said to be empty; the
  patch of such a strip is anywhere on the cloth, and its provenance names it.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import existing_folder, images_if_any, within
from coftad.datasets.images import image_set, on_threads, opened, resized
from coftad.datasets.inventory import Inventory, Origin, Part, damaged, require
from coftad.seeding import numpy_generator
from coftad.types import _STRICT, Images, ImageSet, InputError, PositiveView

FABRICS = {
    "2306881-210020u": "05",
    "2306894-210033u": "02",
    "2311517-195063u": "04",
    "2311694-1930c7u": "03",
    "2311694-2040n7u": "00",
    "2311980-185026u": "06",
    "2608691-202020u": "01",
}
"""Folders of NODefect_images, and what they are called in the names of files: nnnn_ddd_ff.png, ddd the defect."""

STRIPS = 20  # without a defect, of each fabric
DEFECTIVE = 105
UNMARKED = "0100_025_08"

PATCH = 256  # pixels, square
PATCHES = 5  # of each defect-free strip


@validated(frozen=True, config=_STRICT)
class Aitex:
    """Five patches of each defect-free strip, normal, and one of each defective strip, anomalous.

    root: the folder that holds NODefect_images, Defect_images and Mask_images.
    seed: of where the patches are. Those of a strip depend on it and the strip's name only.
    allow_partial: take the strips that are there.
    """

    root: Path
    seed: int = 0
    allow_partial: bool = False

    origin: ClassVar[Origin] = Origin(
        title="AITEX Fabric Image Database",
        source="https://www.aitex.es/afid/",
        terms="for research, cite Silvestre-Blanes et al., AUTEX Research Journal, 2019",
        layout="NODefect_images/<fabric>/*.png, Defect_images/*.png and Mask_images/*_mask.png, *_mask1.png, ...",
    )
    positive_augmentation: ClassVar[PositiveView] = "industrial"

    @classmethod
    def survey(cls, root: Path) -> Inventory:
        base = existing_folder(root, cls.origin.layout)
        return Inventory((_defect_free_part(base), *_defective_parts(base)))

    def inventory(self) -> Inventory:
        return self.survey(self.root)

    def load(self, image_size: int) -> ImageSet:
        """All patches, stretched to S x S. Raises InputError for strips that are missing or of no use."""
        root = existing_folder(self.root, self.origin.layout)
        partial = require(self.origin, root, self.inventory(), allow_partial=self.allow_partial)
        masks = _masks(root)
        strips = [_Strip(name, None) for name in _defect_free(root)]
        strips += [_Strip(name, masks[stem]) for stem, name in _defective(root).items() if stem in masks]
        cuts = on_threads(root, lambda strip: _cut(root, strip, self.seed, image_size), strips)
        provenance = {
            "root": str(root),
            "seed": self.seed,
            "defect_free_strips": sum(strip.masks is None for strip in strips),
            "defective_strips": sum(strip.masks is not None for strip in strips),
            "empty_masks": [cut.strip.name for cut in cuts if cut.unmarked],
            **partial,
        }
        labels = [int(cut.strip.masks is not None) for cut in cuts for _ in cut.columns]
        names = [f"{cut.strip.name}#x={x}" for cut in cuts for x in cut.columns]
        return image_set("aitex", np.concatenate([cut.images for cut in cuts]), labels, names, provenance)


@dataclass(frozen=True)
class _Strip:
    """A file, and the masks of its defect; None where it has no defect."""

    name: str
    masks: list[str] | None


@dataclass(frozen=True, eq=False)
class _Cut:
    """Patches of a strip. images: (P, 3, S, S). columns: P, where they begin. unmarked: none of its masks is white."""

    strip: _Strip
    images: Images
    columns: list[int]
    unmarked: bool


def _cut(root: Path, strip: _Strip, seed: int, image_size: int) -> _Cut:
    rng = numpy_generator(seed, "aitex", strip.name)
    masks = [_grey(root, name) for name in strip.masks or ()]
    with opened(within(root, strip.name)) as image:
        if image.height != PATCH or image.width < PATCH:
            raise InputError(f"has {image.width} x {image.height} pixels, a strip has 4096 x {PATCH}")
        grey = np.asarray(image.convert("L"))
        if any(mask.shape != grey.shape for mask in masks):
            raise InputError(f"is {image.width} pixels wide, its mask has another size")
        marked = np.flatnonzero(sum((mask >= 128).any(0) for mask in masks)) if masks else None
        first = first_of_cloth(grey)
        if marked is None:
            columns = beside_each_other(rng, first, image.width)
        else:
            columns = [around(rng, marked, first, image.width)]
        patches = [resized(image.crop((x, 0, x + PATCH, PATCH)), image_size) for x in columns]
    return _Cut(strip, np.stack(patches), columns, marked is not None and not len(marked))


def _grey(root: Path, name: str) -> NDArray[np.uint8]:
    with opened(within(root, name)) as image:
        return np.asarray(image.convert("L"))


def first_of_cloth(strip: NDArray[np.uint8]) -> int:
    """The column where the cloth begins, of grey values (256, W).

    Left of it is white, or the table and then the white of the cloth's edge. In most rows the last white pixel of the
    strip's first third is there. 0 where there is no white.
    """
    third = strip.shape[1] // 3
    white = strip[:, :third] >= 240
    ends = np.where(white.any(1), third - white[:, ::-1].argmax(1), 0)
    return int(np.median(ends))


def beside_each_other(rng: np.random.Generator, first: int, width: int) -> list[int]:
    """The first columns of patches, ascending: drawn from the slots that divide the cloth, counted from its edge."""
    slots = (width - first) // PATCH
    if slots < PATCHES:
        raise InputError(f"has room for {slots} patches beside each other from column {first} on; expected {PATCHES}")
    return [first + PATCH * int(slot) for slot in np.sort(rng.permutation(slots)[:PATCHES])]


def around(rng: np.random.Generator, marked: NDArray[np.intp], first: int, width: int) -> int:
    """The first column of a patch with the defect: of one stretch of `marked` columns, all of it or nothing else.

    It is on the cloth if the stretch is. Without marked columns it is anywhere on the cloth.
    """
    if not len(marked):
        return int(rng.integers(min(first, width - PATCH), width - PATCH + 1))
    stretches = np.split(marked, np.flatnonzero(np.diff(marked) > 1) + 1)
    lengths = np.array([len(each) for each in stretches])
    stretch = stretches[int(rng.choice(len(stretches), p=lengths / lengths.sum()))]
    low, high = sorted((int(stretch[-1]) + 1 - PATCH, int(stretch[0])))
    high = min(high, width - PATCH)
    return int(rng.integers(min(max(low, first), high), high + 1))


def _defect_free(root: Path) -> list[str]:
    """One strip for each number of a fabric, in order."""
    strips: dict[str, str] = {}
    for name in images_if_any(root, "NODefect_images"):
        strips.setdefault(_number(name), name)
    return list(strips.values())


def _number(name: str) -> str:
    """NODefect_images/<fabric>/nnnn"""
    return name.rsplit("_", 2)[0]


def _defective(root: Path) -> dict[str, str]:
    return {PurePosixPath(name).stem: name for name in images_if_any(root, "Defect_images", recursive=False)}


def _masks(root: Path) -> dict[str, list[str]]:
    """By the name of their strip, without its suffix."""
    masks: dict[str, list[str]] = {}
    for name in images_if_any(root, "Mask_images", recursive=False):
        masks.setdefault(PurePosixPath(name).stem.partition("_mask")[0], []).append(name)
    return masks


def _defect_free_part(root: Path) -> Part:
    found = _defect_free(root)
    numbers = {_number(name) for name in found}
    native = [
        f"NODefect_images/{folder}/{i:04d}_000_{fabric}.png"
        for folder, fabric in FABRICS.items()
        for i in range(1, STRIPS + 1)
    ]
    missing = [name for name in native if _number(name) not in numbers]
    # Names tell what is missing only where the number says that something is: folders may have been renamed.
    return Part(
        "NODefect_images",
        len(found),
        len(native),
        tuple(missing) if len(found) < len(native) else (),
        damaged(root, found),
    )


def _defective_parts(root: Path) -> tuple[Part, Part]:
    """The strips, and those with all their masks: one, or those numbered 1 and 2. Each tells what the other lacks."""
    strips = {stem: name for stem, name in _defective(root).items() if stem != UNMARKED}
    masks = _masks(root)
    no_strip = [f"Defect_images/{stem}.png" for stem in masks if stem not in strips]
    no_mask: list[str] = []
    complete = 0
    for stem in sorted(strips.keys() | masks.keys()):
        numbered = [f"Mask_images/{stem}_mask{i}.png" for i in (1, 2)]
        there = masks.get(stem, [])
        wanted = numbered if set(there) & set(numbered) else [f"Mask_images/{stem}_mask.png"]
        missing = [name for name in wanted if name not in there]
        no_mask += missing
        complete += not missing
    return (
        Part("Defect_images", len(strips), DEFECTIVE, tuple(no_strip), damaged(root, strips.values())),
        Part(
            "Mask_images",
            complete,
            DEFECTIVE,
            tuple(no_mask),
            damaged(root, (m for each in masks.values() for m in each)),
        ),
    )
