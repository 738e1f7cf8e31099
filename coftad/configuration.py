"""The `config.yaml` of a sweep's trial: all that its scores depend on, so that they can be had again without the sweep.

Files written before version 0.2 name neither image size nor weights nor data set; what a file does not name must then
be said on the command line, since a default would silently be another detector.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as validated

from coftad.datasets import DATASETS
from coftad.datasets.protocol import Protocol, episode
from coftad.types import _STRICT, Episode, FineTuning, Images, ImageSet, InputError, Scoring, Seed, Steps


@validated(frozen=True, config=_STRICT)
class SupportImage:
    """path: as its data set names it. sha256: of its pixels, as `digest` gives it."""

    path: str
    sha256: str


@validated(frozen=True, config=_STRICT)
class Draw:
    """One episode. index: which of the protocol's it is. support: its images in the order in which they were drawn."""

    seed: Seed
    index: int | None = None
    threads: int | None = None
    support: tuple[SupportImage, ...] = ()


@validated(frozen=True, config=_STRICT)
class InitialWeights:
    """asked: what the sweep file says. kind: what that came to. sha256: of the file, None for `random`."""

    asked: str
    kind: Literal["imagenet", "file", "random"]
    sha256: str | None = None

    @property
    def spec(self) -> str:
        """As `coftad.weights.resolve` takes it: what was had, not what `auto` would come to today."""
        return self.asked if self.kind == "file" else self.kind


@validated(frozen=True, config=ConfigDict(extra="ignore", allow_inf_nan=False))
class Configuration:
    """training, steps, scoring: of the detector. scorings: all that were scored together with it, points: at which
    steps. episodes: by number. dataset: that section of the sweep file. images: the data set's digest. seed: the
    sweep's, from which the split comes. shown: the split whose images the trial's files show."""

    training: FineTuning = field(default_factory=FineTuning)
    steps: Steps = 20
    scoring: Scoring = field(default_factory=Scoring)
    points: tuple[Steps, ...] = ()
    scorings: tuple[Scoring, ...] = ()
    episodes: Annotated[dict[int, Draw], Field(default_factory=dict)] = field(default_factory=dict)
    shown: Literal["search", "test"] = "search"
    dataset: dict[str, Any] | None = None
    images: str | None = None
    seed: Seed | None = None
    weights: InitialWeights | None = None
    device: str | None = None
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def all_points(self) -> tuple[int, ...]:
        """The steps that the training stops at, up to those of this row."""
        return (*(point for point in self.points if point < self.steps), self.steps)

    @property
    def all_scorings(self) -> tuple[Scoring, ...]:
        return self.scorings if self.scoring in self.scorings else (*self.scorings, self.scoring)

    @property
    def image_size(self) -> int | None:
        return None if self.dataset is None else self.dataset.get("image_size")


PACKAGES = ("coft-ad", "torch", "torchvision", "kornia", "numpy", "scipy", "scikit-learn", "pillow")
"""Another version of any of these may change the last bits of a score, or more."""


def versions() -> dict[str, str]:
    """Of `PACKAGES`, as far as they are installed: the checkout itself may not be."""
    known = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            known[name] = metadata.version(name)
    return known


def load(path: Path) -> Configuration:
    """The configuration in a file. Raises InputError."""
    try:
        content = yaml.safe_load(path.read_bytes())
        if not isinstance(content, Mapping):
            raise TypeError(f"it holds {type(content).__name__}, not a mapping")
        made = Configuration(**content)
        if lacking := [key for key in ("training", "steps", "scoring") if key not in content]:
            raise ValueError(f"it has no {', no '.join(lacking)}")
        return made
    except OSError as error:
        raise InputError(f"--config: {path}: {error.strerror}") from None
    except ValidationError as error:
        reasons = (f"{'.'.join(map(str, each['loc']))}: {each['input']!r}: {each['msg']}" for each in error.errors())
        raise InputError(f"--config: {path} is not the config.yaml of a trial: {'; '.join(reasons)}") from None
    except (yaml.YAMLError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--config: {path} is not the config.yaml of a trial: {reason}") from None


@dataclass(frozen=True)
class Source:
    """A data set and how a sweep split it."""

    name: str
    image_size: int
    protocol: Protocol
    data: Any

    @property
    def grey_range(self) -> tuple[float, float] | None:
        """How its images of more than 8 bits were read, where it has a say in that."""
        return getattr(self.data, "grey_range", None)


def source(configuration: Configuration, root: Path | None) -> Source:
    """root: where the data set is now; None for where it was. Raises InputError, also for a data set without a root."""
    section = dict(configuration.dataset or {})
    try:
        name, image_size = section.pop("name"), section.pop("image_size")
        protocol = {each.name: section.pop(each.name) for each in fields(Protocol) if each.name in section}
        if root is not None and section.get("root") is None:
            raise InputError(f"--root: the {name} images of --config were simulated; leave it out")
        if root is not None:
            section["root"] = root.expanduser().absolute()
        return Source(name, image_size, Protocol(**protocol), DATASETS[name](**section))
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--config: its data set cannot be made here: {reason}") from None


def draw(configuration: Configuration, number: int, root: Path | None) -> Episode:
    """The episode called `number`, with all its images. Raises InputError where they are not those of the trial."""
    made_from = source(configuration, root)
    wanted = configuration.episodes[number]
    images: ImageSet = made_from.data.load(made_from.image_size)
    if configuration.images not in (None, images.digest):
        raise InputError(
            f"--config: the images are not those of the trial: their digest is {images.digest[:12]}, it was "
            f"{str(configuration.images)[:12]}; --root says where the data set is now"
        )
    if configuration.seed is None or wanted.index is None:
        raise InputError("--config: the file does not name the seed of the sweep, or which episodes it ran")
    drawn = episode(images, made_from.protocol, seed=configuration.seed, index=wanted.index)
    paths = tuple(images.paths[row] for row in drawn.train_rows)
    if drawn.seed != wanted.seed or paths != tuple(each.path for each in wanted.support):
        raise InputError(f"--config: the support set of episode {number} is not drawn again by this version")
    return drawn


def digest(image: Images) -> str:
    """SHA-256 (hex) of one image's pixels, (3, S, S) uint8."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def in_order(images: Images, support: Sequence[SupportImage]) -> Images | None:
    """`images` (K, 3, S, S) in the order of `support`, from whatever files they were read; None if they are others."""
    have = [digest(image) for image in images]
    if Counter(have) != Counter(each.sha256 for each in support):
        return None
    return images[[have.index(each.sha256) for each in support]]
