"""The user's own images: one folder of normal ones, one of abnormal ones."""

from pathlib import Path
from typing import ClassVar

from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import SUFFIXES, existing_folder, ignored_below, images_below, images_if_any, refuse
from coftad.datasets.images import GreyRange, Source, image_set, load_images
from coftad.datasets.inventory import Inventory, Origin, Part, damaged
from coftad.types import _STRICT, ImageSet, PositiveView


@validated(frozen=True, config=_STRICT)
class Folder:
    """Images in `normal/` and `abnormal/` of a folder, at any depth; the sub-folders mean nothing.

    root: the folder that holds both. Without anomalies there is nothing to measure, so `abnormal` is required.
    grey_range: [black, white] of images of more than 8 bits; without it, the full range of their format.
    """

    root: Path
    grey_range: GreyRange | None = None

    origin: ClassVar[Origin] = Origin(
        title="folder of images",
        source="your own images",
        terms="yours",
        layout="the folders `normal` and `abnormal`, with images in each",
    )
    positive_augmentation: ClassVar[PositiveView] = "industrial"

    @classmethod
    def survey(cls, root: Path) -> Inventory:
        base = existing_folder(root, cls.origin.layout)
        parts = tuple(
            Part(kind, len(names := images_if_any(base, kind)), damaged=damaged(base, names))
            for kind in ("normal", "abnormal")
        )
        return Inventory(parts, _ignored(base))

    def inventory(self) -> Inventory:
        return self.survey(self.root)

    def load(self, image_size: int) -> ImageSet:
        """All images, stretched to S x S. Raises InputError for a missing or empty folder and all unusable images."""
        root = existing_folder(self.root, self.origin.layout)
        found: dict[str, list[str]] = {}
        problems: list[str] = []
        for kind in ("normal", "abnormal"):
            if not (root / kind).is_dir():
                problems.append(f"the folder {kind!r} does not exist")
                continue
            found[kind] = images_below(root, kind)
            if not found[kind]:
                problems.append(f"the folder {kind!r} has no images ({' '.join(sorted(SUFFIXES))})")
        refuse(f"{root} should have images in `normal` and `abnormal`:", problems)
        names = found["normal"] + found["abnormal"]
        labels = [0] * len(found["normal"]) + [1] * len(found["abnormal"])
        images = load_images(root, [Source(name) for name in names], image_size, grey_range=self.grey_range)
        counts = {kind: len(each) for kind, each in found.items()}
        provenance = {"root": str(root), **counts, **({"ignored": ignored} if (ignored := _ignored(root)) else {})}
        return image_set("folder", images, labels, names, provenance, consistent=True)


def _ignored(root: Path) -> str:
    """Files that are not read as images: somebody may think that they are."""
    lines = [(kind, ignored_below(root, kind)) for kind in ("normal", "abnormal")]
    return "; ".join(f"{kind}: {ignored}" for kind, ignored in lines if ignored)
