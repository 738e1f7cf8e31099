"""Which files a data set is made of: listed in one order everywhere, and never outside the folder the user named."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from coftad.datasets.formats import SUFFIXES
from coftad.types import InputError

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
    """The file that `name`, a relative path with forward slashes out of a table, means inside `root` (absolute and
    resolved).

    Raises InputError for a name that leads out of the root, for a link that does, and for the name of no file that
    decodes to one that leads out, or begins with a drive.
    """
    parts = PurePosixPath(name)
    if not name or "\0" in name or parts.is_absolute() or ".." in parts.parts:
        raise InputError(f"{name!r} is not a relative path inside {root}")
    path = within(root, name)
    if os.path.lexists(path):
        return path  # a file may be called 9:05.png, or %2F
    plain = name
    while (decoded := unquote(plain)) != plain:  # %252e is %2e is a dot: decode until nothing changes
        plain = decoded
    for text in (name, plain):
        parts = PurePosixPath(text.replace("\\", "/"))
        drive = len(text) > 1 and text[1] == ":"
        if "\0" in text or parts.is_absolute() or drive or ".." in parts.parts:
            raise InputError(f"{name!r} is not a relative path inside {root}")
    return path


def within(root: Path, name: str) -> Path:
    """The file called `name` in `root` (absolute and resolved), whatever its name looks like: for names that a folder
    was found to hold. Raises InputError for a link that leads outside."""
    path = root / name
    try:
        target = path.resolve()
    except (ValueError, OSError, RuntimeError) as error:  # a zero byte, a name that is too long, links in a circle
        raise InputError(f"{str(path)!r} is not the name of a file: {error}") from None
    if not target.is_relative_to(root):
        raise InputError(f"{path} is a link to {target}, outside {root}")
    return path


def printable(name: str) -> str:
    """A file's name in characters that any encoding has a picture of: bytes that are not UTF-8 as `\\udce9`."""
    return name.encode("utf-8", "backslashreplace").decode()


def images_below(root: Path, folder: str, *, recursive: bool = True) -> list[str]:
    """Names, relative to `root` and sorted, of the images in `root/folder`.

    Raises InputError, for all of them at once, for linked folders (they may lead outside, or in circles) and for linked
    images that lead outside.
    """
    names: list[str] = []
    problems: list[str] = []
    for path in _visible(root / folder, problems, recursive=recursive):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            problems.append(f"{path} is a link to {path.resolve()}, outside {root}")
        names.append(path.relative_to(root).as_posix())
    refuse(f"{root / folder} cannot be listed:", sorted(problems))
    return sorted(names)


def ignored_below(root: Path, folder: str) -> str:
    """The visible files in `root/folder` that `images_below` passes over, counted by suffix, such as `30 .avif, 2
    without a suffix`; empty if there are none."""
    suffixes = Counter(
        path.suffix.lower() or "without a suffix"
        for path in _visible(root / folder, [])
        if path.suffix.lower() not in SUFFIXES
    )
    return ", ".join(f"{count} {printable(suffix)}" for suffix, count in sorted(suffixes.items()))


def _visible(folder: Path, problems: list[str], *, recursive: bool = True) -> Iterator[Path]:
    """All files that are not hidden; what cannot be looked into becomes a problem."""

    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: {error.strerror}")

    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")] if recursive else []
        linked = (path for name in folders if (path := Path(parent, name)).is_symlink())
        problems.extend(f"{path} is a link to a folder; give the folder itself" for path in linked)
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def images_if_any(root: Path, folder: str, *, recursive: bool = True) -> list[str]:
    """As `images_below`, and none where the folder does not exist."""
    return images_below(root, folder, recursive=recursive) if (root / folder).is_dir() else []
