"""What a data set should hold, what of it is there, and where the rest is to be had.

A set is whole or it is refused: figures of a part of it are not those of the set. `allow_partial` is how its user says
that a part is meant; what is lacking then stays in the set's provenance, and every report tells it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from coftad.datasets.files import refuse
from coftad.datasets.formats import SIGNATURE, begins_as
from coftad.types import ImageSet, PositiveView


@dataclass(frozen=True)
class Origin:
    """For people: what the set is called, where it is to be had, under which terms, and how its folder looks."""

    title: str
    source: str
    terms: str
    layout: str


@dataclass(frozen=True)
class Part:
    """Some files of a set. expected: how many there should be; None where any number above 0 will do. missing: the
    names, relative to the root, of those that are known and not there. damaged: of those that are there and hold no
    image, as far as the beginning of a file tells."""

    name: str
    found: int
    expected: int | None = None
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        if self.damaged:
            return False
        return self.found > 0 if self.expected is None else self.found == self.expected and not self.missing

    def __str__(self) -> str:
        count = f"{self.found:,}" if self.expected is None else f"{self.found:,} of {self.expected:,}"
        lacking = f" ({', '.join(self.missing[:3])}{', ...' if len(self.missing) > 3 else ''} missing)"
        broken = f" ({', '.join(self.damaged[:3])}{', ...' if len(self.damaged) > 3 else ''} damaged)"
        return f"{self.name}: {count}{lacking if self.missing else ''}{broken if self.damaged else ''}"


def damaged(root: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` whose files are empty, or begin as no image does: what a broken download, or a disk that was
    full, leaves behind. They count as found, since decoding them is refused by their names."""
    return tuple(name for name in names if not _begins_as_image(root / name))


def _begins_as_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return begins_as(file.read(SIGNATURE)) is not None
    except OSError:
        return False


@dataclass(frozen=True)
class Inventory:
    """All parts of a set under one root. Nothing has been decoded: names and sizes of files are enough to tell,
    and of arrays a look at a sample.

    ignored: for people, which files in the folders of one's own images are not used.
    """

    parts: tuple[Part, ...]
    ignored: str = ""

    @property
    def lacking(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if not part.whole)

    @property
    def absent(self) -> bool:
        """Whether nothing of the set is there at all."""
        return not any(part.found for part in self.parts)


class DataSet(Protocol):
    """What a file in this room defines, as a frozen pydantic dataclass whose fields are the keys of `dataset:`.

    Sets that are the same for everybody are a `PublicSet`, too.
    """

    origin: ClassVar[Origin]
    positive_augmentation: ClassVar[PositiveView]

    @property
    def root(self) -> Path | None:
        """The folder of the images; None for a set that is simulated."""
        ...

    @classmethod
    def survey(cls, root: Path) -> Inventory:
        """File by file, what is there of all that the set has. Raises InputError where the root is no folder."""
        ...

    def inventory(self) -> Inventory:
        """As `survey`, of what `load` will use."""
        ...

    def load(self, image_size: int) -> ImageSet:
        """Everything, decoded and stretched to S x S. Raises InputError for a part that is lacking and not allowed
        to, and for all unusable images at once."""
        ...


@runtime_checkable
class PublicSet(DataSet, Protocol):
    """One of which it is known what the whole is; allow_partial: whether a part of it will do."""

    @property
    def allow_partial(self) -> bool: ...


def require(origin: Origin, root: Path, inventory: Inventory, *, allow_partial: bool) -> Mapping[str, Any]:
    """What provenance has to say of a set that may be used: nothing of a whole one. Raises InputError for others."""
    lacking = [str(part) for part in inventory.lacking]
    if not lacking:
        return {}
    if not allow_partial or inventory.absent:
        remedy = "" if inventory.absent else "\nTo use what is there: `allow_partial: true` under `dataset`."
        refuse(
            f"{root} is not the whole {origin.title}. Get it from {origin.source} ({origin.terms}); expected "
            f"{origin.layout}.{remedy}\nLacking:",
            lacking,
        )
    return {"partial": "; ".join(lacking)}
