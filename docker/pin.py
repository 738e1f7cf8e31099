"""Print the installed versions of all that a pyproject.toml needs: `python pin.py pyproject.toml EXTRA...`.

CUDA's libraries are left out: torch's CUDA builds pin them, and its CPU build must not bring them.
"""

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from requirements import requirements

_CUDA = re.compile(r"nvidia-|cuda-|triton$")


def pins(roots: list[str]) -> dict[str, str]:
    """The version of every distribution that `roots` need, by normalised name."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        key = (name, frozenset(wanted.extras))
        if key in seen or _CUDA.match(name):
            continue
        seen.add(key)
        installed = distribution(name)
        found[name] = installed.version
        for text in installed.requires or []:
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": one}) for one in ("", *wanted.extras)):
                waiting.append(needed)
    return found


if __name__ == "__main__":
    for name, version in sorted(pins(requirements(Path(sys.argv[1]), sys.argv[2:])).items()):
        print(f"{name}=={version.partition('+')[0]}")
