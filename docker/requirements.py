"""Print the requirements of a pyproject.toml: `python requirements.py pyproject.toml EXTRA...`.

The image installs them before it copies the code, so that a change of code doesn't download gigabytes again.
"""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: Path, extras: list[str]) -> list[str]:
    project = tomllib.loads(pyproject.read_text())["project"]
    return project["dependencies"] + [one for extra in extras for one in project["optional-dependencies"][extra]]


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]), sys.argv[2:])))
