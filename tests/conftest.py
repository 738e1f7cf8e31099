import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real images: $COFTAD_DATA, or shared/data beside the checkout."""
    return Path(os.environ.get("COFTAD_DATA", Path(__file__).parents[2] / "shared" / "data"))
