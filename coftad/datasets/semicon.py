"""X-ray slices of solder balls: normal with little void in the solder, defective with much.

The paper's SemiCon set (Pahwa et al., ECTC 2021; Section IV.A) is private. This reads slices of one's own, with a
table of measured ratios, or 3D volumes that it slices as the paper did; without either it simulates.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from os.path import isfile
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import existing_folder, images_if_any, inside, refuse
from coftad.datasets.images import GreyRange, Source, image_set, load_images
from coftad.datasets.inventory import Inventory, Origin, Part, damaged
from coftad.datasets.solder_simulator import SolderSimulator
from coftad.types import _STRICT, ImageSet, InputError, PositiveView

Percent = Annotated[float, Field(ge=0, le=100)]

# As other programs read numbers: Python's own `float` also takes 1_5, and the digits of every script.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PAGE = re.compile(r"[0-9]{1,9}")

TABLE = "labels.csv"
EXPECTED = (
    f"{TABLE} with the columns file and void_ratio_percent beside the folder `slices`, or with the columns file, "
    "slice and void_ratio_percent beside the folder `volumes`"
)


@validated(frozen=True, config=_STRICT)
class SemiCon:
    """Slices whose void-to-solder area ratio is known; those between the two thresholds are left out.

    root: a folder with labels.csv and `slices/`, or, if labels.csv has a column `slice` (counted from 0 along z),
    with `volumes/` of multi-page TIFF. Without it, slices are simulated.
    normal_at_most, defective_at_least: percent of the solder's area.
    normal, defective, seed: how many slices to simulate, and from which seed; not to be given with `root`.
    grey_range: [black, white] of images of more than 8 bits; without it, the full range of their format.
    """

    root: Path | None = None
    normal_at_most: Percent = 2.0
    defective_at_least: Percent = 7.0
    normal: Annotated[int, Field(ge=1, le=100_000)] = 560  # the paper's 50 shots and pool of 500, and ten to spare
    defective: Annotated[int, Field(ge=1, le=100_000)] = 120  # the paper's 110, and ten to spare
    seed: int = 0
    grey_range: GreyRange | None = None

    origin: ClassVar[Origin] = Origin(
        title="SemiCon",
        source="slices of your own (the paper's set is private); without a root they are simulated",
        terms="those of your slices",
        layout=EXPECTED,
    )
    positive_augmentation: ClassVar[PositiveView] = "industrial"

    def __post_init__(self) -> None:
        if self.normal_at_most >= self.defective_at_least:
            raise ValueError(
                f"normal_at_most: {self.normal_at_most:g} must be below defective_at_least: {self.defective_at_least:g}"
            )
        if self.root is not None and (self.normal, self.defective, self.seed) != (560, 120, 0):
            raise ValueError("normal, defective and seed are of the simulation: leave them out, or leave out root")
        if self.root is None and self.grey_range is not None:
            raise ValueError("grey_range is of image files: leave it out, or give a root")

    @classmethod
    def survey(cls, root: Path) -> Inventory:
        base = existing_folder(root, EXPECTED)
        if not (base / TABLE).is_file():
            return Inventory((Part(TABLE, 0, 1, (TABLE,)),))
        files = sorted({row.file for _, row in _parsed(base / TABLE) if isinstance(row, LabelledSlice)})
        missing = tuple(file for file in files if not isfile(_located(base, file)))
        part = Part(
            f"files of {TABLE}",
            len(files) - len(missing),
            len(files) or None,
            missing,
            damaged(base, sorted(set(files) - set(missing))),
        )
        return Inventory((part,), _ignored(base, files))

    def inventory(self) -> Inventory:
        """As `survey`; simulated slices are always all there."""
        if self.root is not None:
            return self.survey(self.root)
        return Inventory(tuple(Part(f"simulated {kind}", getattr(self, kind)) for kind in ("normal", "defective")))

    def load(self, image_size: int) -> ImageSet:
        """Normal and defective slices, stretched to S x S. Raises InputError for all rows and images of no use."""
        return self._simulate(image_size) if self.root is None else self._read(self.root, image_size)

    def _simulate(self, image_size: int) -> ImageSet:
        simulator = SolderSimulator(
            self.normal, self.defective, self.normal_at_most, self.defective_at_least, self.seed
        )
        crops = simulator.crops()
        labels = [0] * self.normal + [1] * self.defective
        names = [f"simulated/{('normal', 'defective')[label]}_{i:05d}" for label, i in simulator.wanted()]
        return image_set("semicon", crops.resized(image_size), labels, names, simulator.provenance())

    def _read(self, given: Path, image_size: int) -> ImageSet:
        root = existing_folder(given, EXPECTED)
        rows = read_labels(root)
        chosen = [(row, label) for row in rows if (label := self.label(row.void_ratio_percent)) is not None]
        counts = [sum(label == wanted for _, label in chosen) for wanted in (0, 1)]
        refuse(
            f"{root / TABLE} has {len(rows)} rows, and among them:",
            [
                f"no slice {rule}"
                for rule, count in zip(
                    (
                        f"with at most {self.normal_at_most:g} % void",
                        f"with {self.defective_at_least:g} % void or more",
                    ),
                    counts,
                    strict=True,
                )
                if not count
            ],
        )
        # A volume is opened once, however many of its slices are wanted: rows come in order of file and slice.
        pages: dict[str, list[int]] = {}
        for row, _ in chosen:
            pages.setdefault(row.file, []).extend([] if row.slice is None else [row.slice])
        sources = [Source(file, tuple(wanted)) for file, wanted in pages.items()]
        images = load_images(root, sources, image_size, grey_range=self.grey_range)
        provenance: dict[str, Any] = {
            "root": str(root),
            "normal": counts[0],
            "defective": counts[1],
            "left_out": len(rows) - len(chosen),
            "normal_at_most": self.normal_at_most,
            "defective_at_least": self.defective_at_least,
        }
        if ignored := _ignored(root, [row.file for row in rows]):
            provenance["ignored"] = ignored
        labels, names = [label for _, label in chosen], [row.name for row, _ in chosen]
        return image_set("semicon", images, labels, names, provenance, consistent=True)

    def label(self, void_ratio_percent: float) -> int | None:
        """0 = normal, 1 = defective, None = in between."""
        if void_ratio_percent <= self.normal_at_most:
            return 0
        return 1 if void_ratio_percent >= self.defective_at_least else None


@dataclass(frozen=True, order=True)
class LabelledSlice:
    """A row of labels.csv. `file` is relative to the root; `slice` is None where the file is one image."""

    file: str
    slice: int | None
    void_ratio_percent: float

    @property
    def name(self) -> str:
        return self.file if self.slice is None else f"{self.file}#z={self.slice}"


def read_labels(root: Path) -> list[LabelledSlice]:
    """The rows of root/labels.csv, sorted by file and slice. Raises one InputError for all bad rows and their lines."""
    table = root / TABLE
    if not table.is_file():
        raise InputError(f"{table} does not exist; expected {EXPECTED}")
    rows: list[LabelledSlice] = []
    problems: list[str] = []
    lines: dict[str, int] = {}
    for line, row in _parsed(table):
        if isinstance(row, str):
            problems.append(f"line {line}: {row}")
            continue
        if (first := lines.setdefault(row.name, line)) != line:
            problems.append(f"line {line}: {row.name} is already on line {first}")
        try:
            if not isfile(_located(root, row.file)):  # a name that is too long is no file's
                problems.append(f"line {line}: {root / row.file} does not exist")
        except InputError as error:
            problems.append(f"line {line}: {error}")
        rows.append(row)
    refuse(f"{table} cannot be used:", problems)
    return sorted(rows)


def _ignored(root: Path, named: Iterable[str]) -> str:
    """Images beside the table that it does not name: somebody may think that they are used."""
    there = {name for folder in ("slices", "volumes") for name in images_if_any(root, folder)}
    count = len(there - set(named))
    return f"{count} images that {TABLE} does not name" if count else ""


def _located(root: Path, file: str) -> Path:
    """Where `file` is; InputError for a name that leads out of its folder."""
    folder, _, name = file.partition("/")
    return inside(root / folder, name)


def _parsed(table: Path) -> Iterator[tuple[int, LabelledSlice | str]]:
    """Each row of the table with its line, or what is wrong with it."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            columns = next(reader, [])
            _check_columns(table, columns)
            for fields in reader:
                if fields:  # an empty line has none
                    yield reader.line_num, _row(columns, fields)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} is not a CSV table in UTF-8: {error}") from error


def _check_columns(table: Path, columns: Sequence[str]) -> None:
    missing = [name for name in ("file", "void_ratio_percent") if name not in columns]
    if missing:
        raise InputError(f"{table} has no column {' and no column '.join(missing)}; expected {EXPECTED}")
    if repeated := sorted({name for name in columns if name.strip() and columns.count(name) > 1}):
        raise InputError(f"{table}, line 1: more than one column is called {', '.join(repeated)}; leave one of each")


def _row(columns: Sequence[str], fields: Sequence[str]) -> LabelledSlice | str:
    """What a line says, or what is wrong with it."""
    surplus = [
        text for column, text in zip_longest(columns, fields, fillvalue="") if not column.strip() and text.strip()
    ]
    if surplus:
        return (
            f"{', '.join(map(repr, surplus))} stands in no column; a decimal comma, or a comma in a file's name, needs "
            "quotes, and numbers are written with a point"
        )
    row = dict(zip(columns, fields, strict=False))
    file, ratio, number = (row.get(name, "").strip() for name in ("file", "void_ratio_percent", "slice"))
    if not file:
        return "file is empty"
    percent = float(ratio) if _NUMBER.fullmatch(ratio) else math.nan
    if not 0 <= percent <= 100:
        return f"void_ratio_percent is {ratio!r}, expected a number from 0 to 100"
    if "slice" not in columns:
        return LabelledSlice(f"slices/{file}", None, percent)
    if not _PAGE.fullmatch(number):
        return f"slice is {number!r}, expected a whole number from 0"
    return LabelledSlice(f"volumes/{file}", int(number), percent)
