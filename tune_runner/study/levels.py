"""The levels of a parameter at which trials are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_runner.written import written_number

BIN = 6  # trials that make a part of a range a sample
_FEW = 4  # as many different numbers are levels as they are


@dataclass(frozen=True)
class Levels:
    """names: ascending, or in alphabetical order. codes: (T,) the place in `names` of each trial's level."""

    names: tuple[str, ...]
    codes: NDArray[np.intp]


def levels(values: Sequence[Any], *, most: int = 3) -> Levels:
    """Texts as they are; numbers by their part of the sorted values, unless they take few values: by their half, or as
    many parts, up to `most`, as have BIN values each."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    different = sorted(set(values)) if numbers else sorted(set(values), key=str)
    if not numbers or len(different) <= _FEW:
        place = {value: code for code, value in enumerate(different)}
        return Levels(tuple(map(text, different)), np.array([place[value] for value in values], dtype=np.intp))
    parts = max(2, min(most, len(values) // BIN))
    cuts = np.quantile(values, np.arange(1, parts) / parts)
    between = [f"{text(low)} to {text(high)}" for low, high in pairwise(cuts)]
    names = (f"<= {text(cuts[0])}", *between, f"> {text(cuts[-1])}")
    return _used(names, np.searchsorted(cuts, values, side="left"))


def _used(names: tuple[str, ...], codes: NDArray[np.intp]) -> Levels:
    """Without the parts that are empty because many values are the same."""
    used, codes = np.unique(codes, return_inverse=True)
    return Levels(tuple(names[code] for code in used), codes)


def text(value: Any) -> str:
    return written_number(value, 3) if isinstance(value, float) else str(value)
