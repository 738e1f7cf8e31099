"""The home directory, which Ray looks for when it is imported."""

import os
from pathlib import Path

from coftad.types import InputError


def require_home() -> None:
    """Raise InputError where there is none, as in a container under a user that it does not know. It is not written
    to: one that cannot be is good enough."""
    try:
        Path.home()
    except RuntimeError:
        raise InputError(
            f"HOME is not set, and user {os.getuid()} has no entry in the passwd file: Ray finds no home directory; "
            "set HOME to a folder, such as HOME=/tmp"
        ) from None
