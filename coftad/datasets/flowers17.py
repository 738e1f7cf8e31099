"""Oxford Flowers17 (Nilsback and Zisserman, CVPR 2006): 17 species, 80 photographs of each.

The paper (Section IV.A, Table I) takes one species as normal and one that looks like it as anomalous, with 5 shots. Its
text reserves 70 normal and 10 anomalous images for the test, and it searches and reports on these alike: `shots: 5,
pool_normal: 70, pool_anomalous: 10, holdout: 0`. Its figures speak of 75 normal ones, all that 5 shots leave of 80: the
AUROC of n normal and 10 anomalous images is a multiple of 1 / 10n, and of the 64 in Table I, 53 are multiples of 1/750
and 3 of 1/700, no more than chance. That is the protocol without `pool_normal`.
"""

from pathlib import Path
from typing import ClassVar, Literal, get_args

from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import existing_folder, refuse
from coftad.datasets.images import Source, image_set, load_images
from coftad.datasets.inventory import Inventory, Origin, Part, damaged, require
from coftad.types import _STRICT, ImageSet, PositiveView

Species = Literal[
    "daffodil",
    "snowdrop",
    "lily_valley",
    "bluebell",
    "crocus",
    "iris",
    "tigerlily",
    "tulip",
    "fritillary",
    "sunflower",
    "daisy",
    "colts_foot",
    "dandelion",
    "cowslip",
    "buttercup",
    "windflower",
    "pansy",
]
SPECIES: tuple[Species, ...] = get_args(Species)
"""In the order of the files: 1 to 80 are daffodils, 81 to 160 snowdrops."""

EACH = 80
"""Images of a species."""

PAIRS: tuple[tuple[Species, Species], ...] = (
    ("crocus", "bluebell"),
    ("daffodil", "tulip"),
    ("snowdrop", "windflower"),
    ("buttercup", "cowslip"),
)
"""The columns of Table I, each of them run in both directions.

The paper's text has lost the partner of windflower, and with it which of the two comes first. Snowdrop is our choice:
like windflower it is white and flowers in early spring, and it is no class of ImageNet, which the paper asks of all
eight species. Lily of the valley would do as well.
"""


def names_of(species: Species) -> list[str]:
    """The 80 files of a species, relative to the root."""
    first = SPECIES.index(species) * EACH + 1
    return [f"jpg/image_{number:04d}.jpg" for number in range(first, first + EACH)]


@validated(frozen=True, config=_STRICT)
class Flowers17:
    """The images of two species, one normal and one anomalous.

    root: the folder that holds `jpg`. normal, abnormal: two species of `SPECIES`; see `PAIRS` for the paper's. Other
    species are not needed. allow_partial: take the images of the two that are there.
    """

    root: Path
    normal: Species
    abnormal: Species
    allow_partial: bool = False

    origin: ClassVar[Origin] = Origin(
        title="Oxford Flowers17 set",
        source="https://www.robots.ox.ac.uk/~vgg/data/flowers/17/ (17flowers.tgz)",
        terms="no licence is stated; cite Nilsback and Zisserman, CVPR 2006",
        layout="jpg/image_0001.jpg to jpg/image_1360.jpg, 80 of each of the 17 species in the official order",
    )
    positive_augmentation: ClassVar[PositiveView] = "flowers"

    def __post_init__(self) -> None:
        if self.normal == self.abnormal:
            raise ValueError(f"normal and abnormal are both {self.normal}; expected two species")

    @classmethod
    def survey(cls, root: Path) -> Inventory:
        """One part a species. Raises InputError where the root is no folder."""
        base = existing_folder(root, cls.origin.layout)
        return Inventory(tuple(_part(base, species) for species in SPECIES))

    def inventory(self) -> Inventory:
        """As `survey`, of the two species."""
        base = existing_folder(self.root, self.origin.layout)
        return Inventory((_part(base, self.normal), _part(base, self.abnormal)))

    def load(self, image_size: int) -> ImageSet:
        """The normal species, then the anomalous one, stretched to S x S. Raises InputError for missing images, where
        they are not allowed to be, and for all unusable images at once."""
        root = existing_folder(self.root, self.origin.layout)
        inventory = self.inventory()
        partial = require(self.origin, root, inventory, allow_partial=self.allow_partial)
        refuse(
            f"{root} lacks a species that is asked for, which `allow_partial` does not allow:",
            [str(part) for part in inventory.parts if not part.found],
        )
        found = [[name for name in names_of(each) if (root / name).is_file()] for each in (self.normal, self.abnormal)]
        names = found[0] + found[1]
        images = load_images(root, [Source(name) for name in names], image_size)
        provenance = {"root": str(root), "normal": self.normal, "abnormal": self.abnormal, **partial}
        labels = [0] * len(found[0]) + [1] * len(found[1])
        return image_set("flowers17", images, labels, names, provenance)


def _part(root: Path, species: Species) -> Part:
    """Files are named where some of a species are there: the 80 of an absent one would only hide the others."""
    missing = tuple(name for name in names_of(species) if not (root / name).is_file())
    there = [name for name in names_of(species) if name not in missing]
    return Part(species, len(there), EACH, missing if there else (), damaged(root, there))
