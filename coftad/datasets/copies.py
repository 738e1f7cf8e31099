"""Images of a set that have the same pixels: leakage, if one is in a support set and the other is scored, and a
contradiction, if one is normal and the other anomalous."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coftad.datasets.files import printable
from coftad.types import Images

SHOWN = 3  # groups that are named


def groups(images: Images) -> list[list[int]]:
    """The rows of `images` that have the same pixels, two or more in each group, in the order of their first."""
    by_sum: dict[int, list[int]] = {}
    for row, image in enumerate(images):
        by_sum.setdefault(zlib.crc32(np.ascontiguousarray(image).data), []).append(row)
    same = []
    for rows in by_sum.values():
        while len(rows) > 1:  # of those with one sum, nearly always all
            alike = [row for row in rows if np.array_equal(images[row], images[rows[0]])]
            rows = [row for row in rows if row not in set(alike)]
            if len(alike) > 1:
                same.append(alike)
    return sorted(same)


def contradictions(same: Sequence[Sequence[int]], labels: NDArray[np.int8], paths: Sequence[str]) -> list[str]:
    """A line for each group that has both labels, with two of its images."""
    lines = []
    for rows in same:
        normal, anomalous = ([row for row in rows if bool(labels[row]) == wanted] for wanted in (False, True))
        if normal and anomalous:
            lines.append(f"{printable(paths[normal[0]])} is normal, {printable(paths[anomalous[0]])} is anomalous")
    return lines


def summary(same: Sequence[Sequence[int]], labels: NDArray[np.int8], paths: Sequence[str]) -> str:
    """For people; empty where no two images are the same."""
    if not same:
        return ""
    examples = [f"{printable(paths[rows[0]])} = {printable(paths[rows[1]])}" for rows in same[:SHOWN]]
    more = ", ..." if len(same) > SHOWN else ""
    text = f"{sum(map(len, same))} images have the pixels of another ({', '.join(examples)}{more})"
    if both := len(contradictions(same, labels, paths)):
        text += f"; {both} {'are' if both > 1 else 'is'} both normal and anomalous"
    return text
