import re
from pathlib import Path
from typing import Any

import pytest
import yaml

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def docker(root: Path) -> Path:
    return root / "docker"


@pytest.fixture(scope="session")
def compose(docker: Path) -> dict[str, Any]:
    """compose.yaml as Compose sees it with no variable set."""
    return yaml.safe_load(_VARIABLE.sub(r"\2", (docker / "compose.yaml").read_text()))
