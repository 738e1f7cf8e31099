"""A set of simulated solder slices: which voids they have, and the cache that makes the second run instant.

View, size and surroundings are drawn independently of the label, so that nothing but the voids tells a defective slice
from a normal one. In the real crops the board views differ in their rates of defects; that shortcut is left out.
"""

import hashlib
import json
import math
import os
import tempfile
import warnings
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coftad.datasets.images import resized_all
from coftad.datasets.solder_slice import CROP, Slice, VoidsDoNotFit, render
from coftad.seeding import numpy_generator
from coftad.types import Images, InputError

VERSION = 1
"""Raise it with any change of what is drawn: cached slices of another version are not used."""

MOST_VOID = 15.0
"""Percent of the solder's area. More does not fit in round voids beside each other in every ball."""

ATTEMPTS = 50
"""To draw a slice. Rarely voids do not fit into the ball drawn, or their pixels count to just beyond a threshold."""


@dataclass(frozen=True)
class Crops:
    """pixels: (N, CROP, CROP) uint8, grey. void_ratio_percent: (N,) float64, void area over solder area."""

    pixels: NDArray[np.uint8]
    void_ratio_percent: NDArray[np.float64]

    def resized(self, image_size: int) -> Images:
        """(N, 3, S, S), by the same path as images from files."""
        return resized_all(self.pixels, image_size)


@dataclass(frozen=True)
class SolderSimulator:
    """`normal` slices with a void-to-solder ratio of at most `normal_at_most` percent, then `defective` ones with
    `defective_at_least` or more, all from `seed`.

    The defective ratios are distributed as in the real crops, mostly little above their threshold. Of the normal slices
    one in seven has no void and the others more often a ratio near their threshold than none: in the real crops, too,
    most normal balls show a void or several, also where their measured ratio is zero. A slice depends on the seed, the
    thresholds, its label and its number only, not on how many there are.
    """

    normal: int
    defective: int
    normal_at_most: float
    defective_at_least: float
    seed: int

    def wanted(self) -> list[tuple[int, int]]:
        """(label, number) of each slice, in order."""
        return [(0, i) for i in range(self.normal)] + [(1, i) for i in range(self.defective)]

    def slice(self, label: int, number: int) -> Slice:
        """One slice with its masks, whose counted void ratio is on the side of the thresholds that `label` says."""
        for attempt in range(ATTEMPTS):
            rng = numpy_generator(self.seed, "solder", label, number, attempt)
            ratio, voids = self._defective_voids(rng) if label else self._normal_voids(rng)
            try:
                drawn = render(rng, ratio, voids)
            except VoidsDoNotFit:
                continue
            counted = drawn.void_ratio_percent
            if counted >= self.defective_at_least if label else counted <= self.normal_at_most:
                return drawn
        raise RuntimeError(f"{self}: no slice ({label}, {number}) within the thresholds in {ATTEMPTS} attempts")

    def _normal_voids(self, rng: np.random.Generator) -> tuple[float, int]:
        if rng.random() < 0.15:
            return 0.0, 0
        return 0.98 * self.normal_at_most * math.sqrt(rng.random()), 1 + min(int(rng.poisson(1.2)), 4)

    def _defective_voids(self, rng: np.random.Generator) -> tuple[float, int]:
        above = min(rng.exponential(0.3), 0.9)
        return self.defective_at_least * float(1.02 + above), 1 + min(int(rng.poisson(2.8)), 8)

    def crops(self) -> Crops:
        """All slices, from the cache if they are there. Raises InputError for thresholds that cannot be simulated."""
        if not 0.5 <= self.defective_at_least <= MOST_VOID:
            raise InputError(
                f"defective_at_least: {self.defective_at_least:g} cannot be simulated; expected 0.5 to {MOST_VOID:g}, "
                "or a root with real slices"
            )
        path = self.cache_path()
        crops = _cached(path, self.normal + self.defective)
        if crops is None:
            crops = self._draw()
            _store(path, crops)
        return crops

    def _draw(self) -> Crops:
        slices = [self.slice(*key) for key in self.wanted()]
        return Crops(np.stack([each.pixels for each in slices]), np.array([each.void_ratio_percent for each in slices]))

    def cache_path(self) -> Path:
        """In $COFTAD_CACHE, or ~/.cache/coftad; named by everything the slices depend on. A user without a home has a
        folder among the temporary ones."""
        text = json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)
        try:
            folder = Path(os.environ.get("COFTAD_CACHE") or "~/.cache/coftad").expanduser()
        except RuntimeError:
            folder = Path(tempfile.gettempdir(), f"coftad-{os.getuid()}")
        return folder / f"solder-{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"

    def provenance(self) -> dict[str, Any]:
        return {"simulated": True, "simulator_version": VERSION, **asdict(self)}


def _cached(path: Path, count: int) -> Crops | None:
    """None if there is no cache, or a damaged one: it is then drawn again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            crops = Crops(file["pixels"], file["void_ratio_percent"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    expected = crops.pixels.shape == (count, CROP, CROP) and crops.pixels.dtype == np.uint8
    return crops if expected and crops.void_ratio_percent.shape == (count,) else None


def _store(path: Path, crops: Crops) -> None:
    """Whole or not at all, so that a sweep beside this one never reads half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, pixels=crops.pixels, void_ratio_percent=crops.void_ratio_percent)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        warnings.warn(f"simulated slices are not cached and will be drawn again: {error}", stacklevel=3)
