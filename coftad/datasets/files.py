"""Which files a data set is made of: listed in one order everywhere, and never outside the folder the user named."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from coftad.types import InputError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""What counts as an image in a folder, in any case of letters. Other files, and hidden ones, are not looked at."""

SHOWN = 20
"""Problems listed one by one in an error. More would push the first, mostly the telling one, off the screen."""


def refuse(heading: str, problems: Iterable[str]) -> None:
    """Raise one InputError for all `problems`; return if there are none."""
    lines = list(problems)
    if not lines:
        return
    shown = [f"  - {line}" for line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(f"  - and {len(lines) - SHOWN} more")
    raise InputError("\n".join([heading, *shown]))


def existing_folder(folder: Path, expected: str) -> Path:
    """`folder`, absolute and free of links, or an InputError that says what is `expected` there."""
    path = folder.expanduser()
    if not path.is_dir():
        found = "is not a folder" if path.exists() else "does not exist"
        raise InputError(f"{path} {found}; expected {expected}")
    return path.resolve()


def inside(root: Path, name: str) -> Path:
    """The file that `name`, a relative path with forward slashes, means inside `root` (absolute and resolved).

    Raises InputError for a name that leads, or decodes to one that leads, out of the root, and for a link that does.
    """
    plain = name
    while (decoded := unquote(plain)) != plain:  # %252e is %2e is a dot: decode until nothing changes
        plain = decoded
    for text in (name, plain):
        parts = PurePosixPath(text.replace("\\", "/"))
        drive = len(text) > 1 and text[1] == ":"
        if not text or "\0" in text or parts.is_absolute() or drive or ".." in parts.parts:
            raise InputError(f"{name!r} is not a relative path inside {root}")
    path = root / name
    if not path.resolve().is_relative_to(root):
        raise InputError(f"{path} is a link to {path.resolve()}, outside {root}")
    return path


def images_below(root: Path, folder: str, *, recursive: bool = True) -> list[str]:
    """Names, relative to `root` and sorted, of the images in `root/folder`.

    Raises InputError, for all of them at once, for linked folders (they may lead outside, or in circles) and for linked
    images that lead outside.
    """
    names: list[str] = []
    problems: list[str] = []

    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: {error.strerror}")

    for parent, folders, files in os.walk(root / folder, onerror=unreadable):
        folders[:] = [each for each in folders if not each.startswith(".")] if recursive else []
        linked = (path for each in folders if (path := Path(parent, each)).is_symlink())
        problems.extend(f"{path} is a link to a folder; give the folder itself" for path in linked)
        for each in files:
            if each.startswith(".") or Path(each).suffix.lower() not in SUFFIXES:
                continue
            path = Path(parent, each)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                problems.append(f"{path} is a link to {path.resolve()}, outside {root}")
            names.append(path.relative_to(root).as_posix())
    refuse(f"{root / folder} cannot be listed:", sorted(problems))
    return sorted(names)


def images_if_any(root: Path, folder: str, *, recursive: bool = True) -> list[str]:
    """As `images_below`, and none where the folder does not exist."""
    return images_below(root, folder, recursive=recursive) if (root / folder).is_dir() else []
