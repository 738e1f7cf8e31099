"""The command line of `python -m coftad`: its options, their limits, and one error for all that break them."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass as validated

from coftad.types import _STRICT, ImageSize, InputError, Seed

DESCRIPTION = "Fit COFT-AD to normal images and score others, outside any sweep."

MOST_THREADS = 1_024

_WHOLE = re.compile(r"[+-]?[0-9]+")


def _whole(value: object) -> object:
    """Digits as people and shells write them. Python's own `int` also takes 1_0, and the digits of every script."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("it is not a whole number")
    return value


def _path(value: object) -> object:
    """An empty text is a variable of the shell that is not set, and not the current folder."""
    if value == "":
        raise ValueError("it is empty")
    return value


_Whole = BeforeValidator(_whole)
_Path = Annotated[Path, BeforeValidator(_path)]

WORDS = {
    "image_size": "a whole number of pixels from 32 to 1024",
    "threads": f"a whole number from 1 to {MOST_THREADS}",
    "seed": "a whole number from 0 to 2^63 - 1",
    "episode": "a whole number from 0",
    **dict.fromkeys(("train", "score", "config", "root"), "a path"),
}


@validated(frozen=True, config=_STRICT)
class Options:
    """What was given, None for what was not. train, score: a folder of images, a text file that lists images one a
    line, or an image. root: where the data set of `config` is now."""

    train: _Path | None = None
    score: _Path | None = None
    config: _Path | None = None
    root: _Path | None = None
    episode: Annotated[int, Field(ge=0), _Whole] | None = None
    image_size: Annotated[ImageSize, _Whole] | None = None
    weights: str | None = None
    device: str | None = None
    threads: Annotated[int, Field(ge=1, le=MOST_THREADS), _Whole] | None = None
    seed: Annotated[Seed, _Whole] | None = None

    def __post_init__(self) -> None:
        if self.config is None:
            for name in ("train", "score"):
                if getattr(self, name) is None:
                    raise ValueError(f"--{name} is needed without --config")
            for name in ("root", "episode"):
                if getattr(self, name) is not None:
                    raise ValueError(f"--{name} goes with --config, whose data set it is about")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m coftad", description=DESCRIPTION)
    add = top.add_argument
    images = "a folder of images, a text file that lists images one a line, or an image"
    add("--train", metavar="PATH", help=f"2 or more normal images: {images}; default: the trial's support set")
    add("--score", metavar="PATH", help=f"what to score: {images}; default: what the trial was searched with")
    add("--config", metavar="FILE", help="config.yaml of a sweep's trial; default: the paper's settings")
    add("--root", metavar="DIR", help="where the data set of --config is now; default: where it was")
    add("--episode", metavar="N", help="whose support set and seed of --config; default: the first")
    add("--image-size", metavar="N", help=f"{WORDS['image_size']}; default: that of --config, or 64")
    add("--weights", metavar="NAME", help="auto, imagenet, random or a path; default: those of --config, or auto")
    add("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N; default: that of --config, or auto")
    add("--threads", metavar="N", help="of torch; scores repeat with the same number; default: that of --config, or 1")
    add("--seed", metavar="N", help="default: that of the episode of --config, or 0")
    return top


def read(arguments: Sequence[str] | None = None) -> Options:
    """The options on a command line. Raises InputError for all values that are not allowed, at once; SystemExit as
    argparse does, for unknown options and --help."""
    given = vars(parser().parse_args(arguments))
    try:
        return Options(**given)
    except ValidationError as error:
        raise InputError("\n".join(_problem(each, given) for each in error.errors())) from None


def _problem(error: Any, given: dict[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    if name not in WORDS:
        return str(error["msg"]).removeprefix("Value error, ")
    return f"{option(name)}: {given[name]!r} is not allowed; {WORDS[name]} is"


def option(name: str) -> str:
    return "--" + name.replace("_", "-")
