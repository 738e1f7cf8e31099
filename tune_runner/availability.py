"""Whether the images of a sweep's parts are here, told by their names and before anything is trained."""

from collections.abc import Sequence

from coftad.datasets.inventory import PublicSet, require
from coftad.types import InputError
from tune_runner.spec import Part


def check(parts: Sequence[Part]) -> None:
    """Raise one InputError for all data sets of which something is lacking, before anything is trained."""
    problems = {problem: None for part in parts if not may_lack(part) and (problem := lacking(part))}
    if problems:
        advice = "--allow-partial runs the parts that there are images for, and says which it leaves out."
        raise InputError("\n".join([*problems, advice]))


def lacking(part: Part) -> str:
    """What is missing of a part's images, told by their names and not by opening them; empty if nothing is."""
    source = part.spec.dataset.source
    if source.root is None:
        return ""
    try:
        require(source.origin, source.root, source.inventory(), allow_partial=may_lack(part))
    except InputError as error:
        where = f"\nGet it from {source.origin.source} ({source.origin.terms})."
        return f"{error}{'' if source.root.is_dir() else where}"
    return ""


def may_lack(part: Part) -> bool:
    source = part.spec.dataset.source
    return isinstance(source, PublicSet) and source.allow_partial
