"""What a sweep is: the validated form of a YAML file, and back.

Every part checks itself; `spec.py` fills them from YAML and reports everything that is wrong at once. Paths are
absolute here, because a worker's current directory is another one.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import optuna
import yaml
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, WithJsonSchema
from pydantic.dataclasses import dataclass as validated

from coftad.datasets.inventory import DataSet
from coftad.datasets.protocol import Protocol
from coftad.trial import TrialConfig
from coftad.types import _STRICT, Backbone, ImageSet
from tune_runner.objective import Objective
from tune_runner.parameters import plain
from tune_runner.space import Space, suggest, training_config
from tune_runner.spec_fields import refusal
from tune_runner.sqlite import sqlite_url
from tune_runner.yaml_lines import Dumper, Scalar, redact_url

DURATION = "a duration such as 90s, 9m, 1h30m, or seconds > 0,"
TRACKING = "a URI with sqlite:///, postgresql://, mysql://, mssql://, http:// or https://, or null,"

_DURATION = re.compile(r"(?=\d|\.\d)(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s?)?")
_TRACKING = re.compile(r"(sqlite|postgresql|mysql|mssql)(\+\w+)?:///?[^\s/]?|https?://[^\s/]")


def absolute(path: str | os.PathLike[str]) -> str:
    """As a shell reads it: `~` is the home directory, a relative path starts at the current one."""
    return os.path.abspath(os.path.expanduser(path))


def seconds(value: object) -> float:
    """`9m`, `1h30m`, `90` or 90 in seconds. ValueError for anything else, and for nothing at all."""
    total = 0.0
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        try:
            parts = zip(match.groups(), (86_400, 3_600, 60, 1), strict=True)
            total = sum(float(number) * unit for number, unit in parts if number)
        except ValueError:  # 1.2.3s
            total = 0.0
    elif isinstance(value, int | float) and not isinstance(value, bool):
        total = float(value)
    if not 0 < total < 1e9:
        raise ValueError(refusal(value, DURATION))
    return total


def tracking_uri(value: str) -> str:
    """A URI that MLflow's client takes, with SQLite's file made absolute. MLflow 3.17 refuses its old file store."""
    if "://***" in value:
        raise ValueError(f"{value}: the credentials were left out when this was written; give the whole URI")
    if not _TRACKING.match(value):
        raise ValueError(refusal(value, TRACKING))
    scheme, slashes, path = value.partition(":///")
    if scheme.startswith("sqlite") and slashes:
        file, _, query = path.partition("?")
        if not file or file == ":memory:" or file.endswith("/"):
            raise ValueError(refusal(value, "sqlite:/// and a file"))
        return sqlite_url(absolute(unquote(file)), query, scheme)
    if scheme.startswith("sqlite"):
        raise ValueError(refusal(value, "sqlite:/// and a file"))
    return value


def _share_or_whole(gpus: float) -> float:
    if gpus > 1 and gpus != int(gpus):  # Ray's rule
        raise ValueError(refusal(gpus, "a share up to 1, or a whole number of GPUs"))
    return gpus


NAME = WithJsonSchema({"description": "text of A-Z a-z 0-9 . _ -, up to 100, the first a letter or digit,"})
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), NAME]
Episodes = Annotated[int, Field(ge=1, le=1_000)]
Index = Annotated[int, Field(ge=0, le=1_000_000)]
Fields = dict[str, bool | int | float | str]
Output = Annotated[Path, AfterValidator(lambda path: Path(absolute(path)))]
Duration = Annotated[float, BeforeValidator(seconds), WithJsonSchema({"description": DURATION.rstrip(",")})]
TrackingUri = Annotated[str, AfterValidator(tracking_uri), WithJsonSchema({"description": TRACKING})]


@dataclass(frozen=True)
class Hardware:
    """What was found on this machine or cluster. cpus: usable cores; gpus: CUDA devices."""

    cpus: int = 1
    gpus: int = 0


@validated(frozen=True, config=_STRICT)
class Search:
    """sampler: one that draws (tpe, gp, random; sobol, which is Optuna's qmc, covers the space evenly), or a design
    that is run whole (grid, one_at_a_time, ablation, listed). scheduler: `asha` stops weak configurations between
    episodes.

    reference: field -> value, the paper's for all that is not named: the first trial of one that draws, the midst of
    one_at_a_time, the full method of ablation. target: where ablation leads on to. configurations: what `listed` runs,
    each as the fields in which it differs from the reference.
    """

    sampler: Literal["tpe", "random", "qmc", "sobol", "gp", "grid", "one_at_a_time", "ablation", "listed"] = "tpe"
    scheduler: Literal["none", "asha"] = "none"
    reference: Fields = Field(default_factory=dict)
    target: Fields = Field(default_factory=dict)
    configurations: list[Fields] = Field(default_factory=list)


@validated(frozen=True, config=_STRICT)
class Validation:
    """The best configuration against the reference on fresh support sets, after a sweep that ran to its end.

    episodes: how many, 0 for none. path: whether the settings in which the two differ are changed one after the other.
    """

    episodes: Annotated[int, Field(ge=0, le=1_000)] = 0
    path: bool = False


@validated(frozen=True, config=_STRICT)
class Resources:
    """Of one trial: cores, and GPUs, of which a share is possible. concurrent: trials at once; None = what fits."""

    cpu: Annotated[float, Field(gt=0, le=4_096)] = 1.0
    gpu: Annotated[float, Field(ge=0, le=1_024), AfterValidator(_share_or_whole)] = 0.0
    concurrent: Annotated[int, Field(ge=1, le=10_000)] | None = None


@validated(frozen=True, config=_STRICT)
class Budget:
    """The sweep ends with whichever of trials and wall_time comes first; trial_time ends one trial that hangs.

    wall_time, trial_time: seconds, None = no limit. retries: of a trial whose worker or machine died.
    """

    trials: Annotated[int, Field(ge=1, le=100_000)] = 20
    wall_time: Duration | None = None
    trial_time: Duration | None = None
    retries: Annotated[int, Field(ge=0, le=100)] = 2


@validated(frozen=True, config=_STRICT)
class Tracking:
    """uri: MLflow's tracking URI, possibly with credentials, so never printed; None = no tracking."""

    experiment: Name
    uri: TrackingUri | None = Field(default="sqlite:///mlflow.db", validate_default=True, repr=False)

    def redacted(self) -> str:
        """The URI for people and logs."""
        return "off" if self.uri is None else redact_url(self.uri)


@dataclass(frozen=True)
class Dataset:
    """source: one of the classes of `coftad.datasets.DATASETS`; image_size: pixels, square."""

    name: str
    image_size: int
    protocol: Protocol
    source: DataSet

    def load(self) -> ImageSet:
        """Decode and resize all images. Raises InputError."""
        return self.source.load(self.image_size)


@dataclass(frozen=True)
class Trainer:
    """weights: `auto`, `imagenet`, `random` or a path, for all backbones or by backbone.

    fixed: every field of FineTuning and Scoring, and `steps`, that is nowhere in the space, with its value.
    """

    weights: str | Mapping[Backbone, str]
    fixed: Mapping[str, Scalar]

    def weights_of(self, backbone: Backbone) -> str:
        """As `coftad.weights.resolve` takes it."""
        return self.weights if isinstance(self.weights, str) else self.weights[backbone]


@dataclass(frozen=True)
class SweepSpec:
    """One sweep, checked. objective: what configurations and their rows are chosen by. `profile` tells which profile
    went into it ("none" if none did); it is not compared."""

    name: str
    seed: int
    dataset: Dataset
    trainer: Trainer
    space: Space
    search: Search
    objective: Objective
    episodes: int
    resources: Resources | Literal["auto"]
    budget: Budget
    tracking: Tracking
    output: Path
    validation: Validation = Validation()
    first_episode: int = 0
    profile: str = field(default="none", compare=False)

    @property
    def trainer_values(self) -> Mapping[str, Scalar]:
        """The fixed fields, as the functions of `space` take them."""
        return self.trainer.fixed

    def suggest(self, trial: optuna.trial.BaseTrial) -> dict[str, Scalar]:
        """The training parameters of one configuration, by field."""
        return suggest(self.space, trial)

    def config(self, suggestion: Mapping[str, Scalar]) -> TrialConfig:
        """What to run for one suggestion."""
        return training_config(self.space, self.trainer_values, suggestion)

    def _results(self) -> dict[str, Any]:
        """What decides the results, in the order of the file."""
        source = TypeAdapter(type(self.dataset.source)).dump_python(self.dataset.source, mode="json")
        protocol = TypeAdapter(Protocol).dump_python(self.dataset.protocol)
        weights = self.trainer.weights if isinstance(self.trainer.weights, str) else dict(self.trainer.weights)
        return {
            "seed": self.seed,
            "dataset": {"name": self.dataset.name, "image_size": self.dataset.image_size, **protocol, **source},
            "trainer": {"weights": weights, **self.trainer.fixed},
            "space": plain(self.space.parameters),
            "search": _plain(self.search),
            "objective": self.objective,
            "episodes": self.episodes,
            "first_episode": self.first_episode,
        }

    def to_yaml(self, *, credentials: bool = False) -> str:
        """The file that loads as this spec, everything explicit, profiles resolved.

        The tracking URI's credentials are left out unless asked for, since this text is kept beside the results and
        logged; loading a URI without them is refused.
        """
        uri = self.tracking.uri if credentials or self.tracking.uri is None else self.tracking.redacted()
        content = {
            "name": self.name,
            **self._results(),
            "resources": self.resources if self.resources == "auto" else _plain(self.resources),
            "budget": _plain(self.budget),
            "validation": _plain(self.validation),
            "tracking": {"uri": uri, "experiment": self.tracking.experiment},
            "output": str(self.output),
            "profile": "none",
        }
        return yaml.dump(_escaped(content), Dumper=Dumper, sort_keys=False, default_flow_style=None, width=120)

    def fingerprint(self) -> str:
        """SHA-256 (hex) of what decides the results: neither the names nor where they go, nor how much is run, so that
        a sweep can go on with a larger budget. The order of the space counts, because samplers draw in that order.

        Nor do folders count: what is in them has a digest of its own (`_placeless`).
        """
        text = json.dumps(_placeless(self._results()), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _placeless(results: dict[str, Any]) -> dict[str, Any]:
    """The same without the paths of images and weights, which may be others on another machine."""
    dataset, trainer = dict(results["dataset"]), dict(results["trainer"])
    if dataset.get("root") is not None:
        dataset["root"] = "given"
    weights = trainer["weights"]
    named = {name: _weights_kind(value) for name, value in weights.items()} if isinstance(weights, dict) else weights
    trainer["weights"] = _weights_kind(named) if isinstance(named, str) else named
    return {**results, "dataset": dataset, "trainer": trainer}


def _weights_kind(weights: str) -> str:
    return weights if weights in ("auto", "imagenet", "random") else "file"


def _plain(part: Any) -> Any:
    return TypeAdapter(type(part)).dump_python(part, mode="json")


def _escaped(value: Any) -> Any:
    """Texts that hold `${` themselves must not be taken for variables when read again."""
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return value.replace("${", "$${") if isinstance(value, str) else value
