"""Numbers and settings as people read them, in the terminal and on the page."""

from typing import Any

from tune_runner.study.curves import Curve
from tune_runner.written import written_number


def percent(value: float) -> str:
    return f"{100 * value:z.1f}"


def points(difference: float) -> str:
    """With its sign."""
    return f"{100 * difference:+z.1f}"


def spread(value: float, between: tuple[float, float]) -> str:
    return f"{percent(value)} [{percent(between[0])}, {percent(between[1])}]"


def chance(p: float | None) -> str:
    """To follow a number."""
    return "" if p is None else ", p < 0.001" if p < 0.001 else f", p = {p:.2g}"


def text(value: Any) -> str:
    return written_number(value) if isinstance(value, float) else str(value)


def curve_title(curve: Curve) -> str:
    numbers = not isinstance(curve.centre, str | bool)
    ends = (curve.plateau[0], curve.plateau[-1]) if numbers and len(curve.plateau) > 1 else curve.plateau
    where = (" to " if numbers else ", ").join(map(text, ends))
    how = "all else at the reference" if curve.unit == "episodes" else "within each training"
    return f"{curve.parameter}, {how}; not shown to be worse than the best value: {where}"
