"""What a tracker must know about a sweep beside its records, and how to know it again from the directory alone."""

import json
import os
import shlex
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from coftad.types import Episode, FineTuning, ImageSet, InputError
from tune_runner.checksums import digest, of_file
from tune_runner.journal import CHANGED, RecordingError, write_whole
from tune_runner.objective import Objective
from tune_runner.redact import has_credentials, redact

Split = Literal["search", "test"]
"""Runs of configurations show `search` only. `test` is opened by the final report."""

Value = str | int | float | bool | None


class Outcome(BaseModel):
    """How a configuration ended, as the study has it.

    reason: typed, for failures, e.g. "OutOfMemory". message: for people. training: shown where no episode was recorded.
    """

    model_config = ConfigDict(frozen=True)

    trial: int
    state: Literal["complete", "pruned", "failed"]
    reason: str = ""
    message: str = ""
    ray_trial: str = ""
    training: FineTuning | None = None


@dataclass(frozen=True, eq=False)
class SweepContext:
    """One sweep on one data set, as MLflow shows it.

    common: parameters that every run has (seed, image size, shots, sampler, profile, ...). tags: the code's commit
    (`git_tags`), `weights` (e.g. "auto: random") and `weights_sha256`, and the like.
    reproduce: the command that repeats one configuration, with `{trial}` in place of its number.
    episodes: by index, over `image_set`. varied: the parameters that MLflow's table shows: those of the search space.
    objective: what the best row of a configuration is chosen by.
    inputs: what scores depend on beside the configuration, as `trial_inputs` gives it; empty where an earlier version
    wrote the sweep.
    """

    name: str
    directory: Path
    tracking_uri: str = field(repr=False)
    experiment: str
    image_set: ImageSet = field(repr=False)
    episodes: Mapping[int, Episode] = field(repr=False)
    common: Mapping[str, Value] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    reproduce: str = ""
    varied: tuple[str, ...] = ("backbone", "negative_augmentation", "lambda_pp", "lambda_np", "beta", "steps", "n_a")
    objective: Objective = "auroc"
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def destination(self) -> str:
        """Where runs go, without credentials."""
        return f"{redact(self.tracking_uri, self.tracking_uri)}#{self.experiment}"

    @property
    def shown(self) -> dict[str, Any]:
        """What all runs show, as JSON holds it."""
        described = {"common": dict(self.common), "tags": dict(self.tags), "reproduce": self.reproduce}
        shown: dict[str, Any] = json.loads(json.dumps(described, default=str))
        return shown

    def rows(self, episode: int, split: Split) -> NDArray[np.int64]:
        """Rows of `image_set` that belong to one split of one episode."""
        return self.episodes[episode].search_rows if split == "search" else self.episodes[episode].test_rows

    def save(self) -> None:
        """Write `context.json` and `images.npz` into the sweep's directory: with the records, all that is needed to
        fill a tracker later and elsewhere. Credentials are left out. Raises RecordingError."""
        pool = self.image_set
        arrays: dict[str, Any] = {"labels": pool.labels, "paths": np.array(pool.paths, dtype=np.str_)}
        grey = bool(np.array_equal(pool.images[:, 0], pool.images[:, 1])) and bool(
            np.array_equal(pool.images[:, 0], pool.images[:, 2])
        )
        arrays["images"] = pool.images[:, :1] if grey else pool.images  # a third of the size on disk
        for index, episode in self.episodes.items():
            arrays[f"train_{index}"] = episode.train_rows
            arrays[f"search_{index}"] = episode.search_rows
            arrays[f"test_{index}"] = episode.test_rows
        described = {
            "name": self.name,
            "tracking_uri": None if has_credentials(self.tracking_uri) else self.tracking_uri,
            "experiment": self.experiment,
            "common": dict(self.common),
            "tags": dict(self.tags),
            "reproduce": self.reproduce,
            "varied": self.varied,
            "objective": self.objective,
            "inputs": dict(self.inputs),
            "image_set": {"name": pool.name, "digest": pool.digest, "provenance": dict(pool.provenance)},
            "episode_seeds": {str(index): episode.seed for index, episode in self.episodes.items()},
        }
        described_path, images_path = self.directory / "context.json", self.directory / "images.npz"
        if images_path.exists() and described_path.exists() and _is_kept(described_path, described):
            return  # a resumed sweep; it holds the images' digest
        write_whole(images_path, lambda file: np.savez(file, **arrays))
        described = json.loads(json.dumps({**described, "images_sha256": of_file(images_path)}, default=str))
        text = json.dumps({**described, "sha256": digest(described)}, indent=1)
        write_whole(described_path, lambda file: file.write(text.encode()))

    @classmethod
    def load(cls, directory: Path, tracking_uri: str | None = None) -> "SweepContext":
        """The context that `save` wrote. tracking_uri: another tracker than the sweep's own, or the same one with its
        credentials. Raises InputError if it is needed and absent, RecordingError if the directory lacks the files."""
        path = directory / "context.json"
        try:
            described = json.loads(path.read_text())
            if (noted := described.pop("sha256", None)) is not None and noted != digest(described):
                raise RecordingError(path, CHANGED)
            if described.get("images_sha256", "") not in ("", of_file(directory / "images.npz")):
                raise RecordingError(directory / "images.npz", CHANGED)
            with np.load(directory / "images.npz", allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            uri = tracking_uri or described["tracking_uri"]
            if uri is None:
                raise InputError(f"{path}: the tracking URI held credentials, which are not stored: pass it again")
            return cls._rebuilt(directory, uri, described, arrays)
        except InputError:
            raise
        except OSError as error:
            raise RecordingError(path, error) from error
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise RecordingError(path, f"damaged, it or images.npz: {error!r}") from error

    @classmethod
    def _rebuilt(
        cls, directory: Path, uri: str, described: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> "SweepContext":
        images = arrays["images"]
        pool = ImageSet(
            images=np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images,
            labels=arrays["labels"],
            paths=tuple(map(str, arrays["paths"])),
            **described["image_set"],
        )
        episodes = {
            int(index): Episode(
                pool, int(index), seed, arrays[f"train_{index}"], arrays[f"search_{index}"], arrays[f"test_{index}"]
            )
            for index, seed in described["episode_seeds"].items()
        }
        return cls(
            name=described["name"],
            directory=directory,
            tracking_uri=uri,
            experiment=described["experiment"],
            image_set=pool,
            episodes=episodes,
            common=described["common"],
            tags=described["tags"],
            reproduce=_command_here(described["reproduce"], directory),
            varied=tuple(described["varied"]),
            objective=described.get("objective", "auroc"),  # what it was before there was a choice
            inputs=described.get("inputs", {}),
        )


def _is_kept(path: Path, described: Mapping[str, Any]) -> bool:
    """Whether a context with its checksums says the same."""
    try:
        before = json.loads(path.read_text())
        return bool(before.pop("sha256") == digest(before) and before.pop("images_sha256")) and (
            before == json.loads(json.dumps(described, default=str))
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):  # of an earlier version, or damaged
        return False


def _command_here(command: str, directory: Path) -> str:
    """The command that repeats a trial, for a directory that may have been copied since the command was written."""
    before, option, after = command.partition(" --reproduce ")
    place = after.find(" --trial ")
    if not option or place < 0:
        return command
    return f"{before}{option}{shlex.quote(os.path.abspath(directory))}{after[place:]}"


def git_tags(folder: Path = Path(__file__).parent) -> dict[str, str]:
    """MLflow's tags for the commit, branch and cleanliness of the repository that tracks the code in `folder`; of an
    installed copy, also one in a virtual environment inside some repository, its version instead."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603

    try:
        if not git("ls-files", "--", *(str(path) for path in sorted(folder.glob("*.py")))):
            return _installed()
        code = [str(folder), str(folder.parent / "coftad")]
        return {
            "mlflow.source.git.commit": git("rev-parse", "HEAD"),
            "mlflow.source.git.branch": git("rev-parse", "--abbrev-ref", "HEAD"),
            "mlflow.source.git.dirty": str(bool(git("status", "--porcelain", "--", *code))),
        }
    except (OSError, subprocess.SubprocessError):
        return _installed()


def _installed() -> dict[str, str]:
    try:
        return {"coftad.version": f"installed version {version('coft-ad')}"}
    except PackageNotFoundError:  # a copy of the sources, neither installed nor under git
        return {}
