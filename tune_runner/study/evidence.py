"""When a difference counts as shown: the one rule for every sentence, table, curve and figure of a report.

An estimate is a difference with its variance and the degrees of freedom of that variance. From it come a p-value and an
interval that agree: both use Student's t, and both allow for the number of comparisons in the family (Šidák 1967).
`shown` asks both. Variances that come from several sources add up; their degrees of freedom are Satterthwaite's (1946).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.stats import t as student

LEVEL = 0.05
_EXACT = 1e6  # degrees of freedom from which Student's t is the normal distribution


@dataclass(frozen=True)
class Component:
    """One source of variance, of an estimate. freedom: how surely it is known, in degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class Estimate:
    """A difference, and how far it may be off."""

    difference: float
    variance: float
    freedom: float

    @staticmethod
    def of(difference: float, components: Iterable[Component]) -> "Estimate":
        """With the sum of all variances and Satterthwaite's degrees of freedom."""
        known = [component for component in components if component.variance > 0]
        variance = sum(component.variance for component in known)
        squares = sum(component.variance**2 / component.freedom for component in known)
        return Estimate(difference, variance, min(variance**2 / squares, _EXACT) if squares > 0 else _EXACT)

    def p(self, family: int = 1) -> float:
        """Two-sided, of no difference; allows for `family` comparisons."""
        if self.variance == 0:
            return 1.0 if self.difference == 0 else 0.0
        one = 2 * float(student.sf(abs(self.difference) / math.sqrt(self.variance), self.freedom))
        return -math.expm1(family * math.log1p(-one)) if one < 1 else 1.0

    def interval(self, family: int = 1) -> tuple[float, float]:
        """Simultaneous, at 1 - LEVEL, with `family` others."""
        if self.variance == 0:
            return self.difference, self.difference
        outside = -math.expm1(math.log1p(-LEVEL) / family)
        half = float(student.isf(outside / 2, self.freedom)) * math.sqrt(self.variance)
        return self.difference - half, self.difference + half


def bounded(interval: tuple[float, float]) -> tuple[float, float]:
    """Of a difference in AUROC, which lies in [-1, 1]."""
    low, high = interval
    return max(low, -1.0), min(high, 1.0)


def shown(p: float | None, interval: tuple[float, float]) -> bool:
    """Whether a difference is shown: its corrected test and its simultaneous interval agree. p: None where there was
    not enough evidence for a test."""
    return p is not None and p < LEVEL and (interval[0] > 0 or interval[1] < 0)
