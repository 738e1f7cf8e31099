"""Initial weights of a backbone: found, checked and fingerprinted before anything trains.

`imagenet` looks into the directory `COFTAD_WEIGHTS`, then into torch hub's cache, then downloads from torchvision.
Files are opened with `weights_only=True`: a weights file is data, never code.
"""

import hashlib
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import get_model, get_model_weights

from coftad.types import Backbone, InputError

StateDict = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Weights:
    """kind: what was asked for and what was found. state: the backbone's tensors in float32 without the classifier
    `fc`, or None for `random`, which is drawn from the trial's seed. sha256: of the file, None for `random`."""

    backbone: Backbone
    kind: Literal["imagenet", "file", "random"]
    state: StateDict | None
    sha256: str | None
    origin: str


def expected_shapes(backbone: Backbone) -> dict[str, torch.Size]:
    with torch.device("meta"):
        state = get_model(backbone).state_dict()
    return {key: value.shape for key, value in state.items() if not key.startswith("fc.")}


def read(path: Path, backbone: Backbone) -> StateDict:
    """A state_dict of torchvision's `backbone`, float32, without `fc`. InputError names every key that does not fit."""
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"weights: {path} does not exist") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"weights: {path} is not a file of plain tensors as torch.save writes: {reason}") from None
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(f"weights: {path} does not hold a state_dict (names to tensors) but {type(loaded).__name__}")
    state = {key: value for key, value in loaded.items() if not key.startswith("fc.")}
    wanted = expected_shapes(backbone)
    wrong = [f"{key} is missing" for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    wrong += [f"{key} is unknown" for key in state if key not in wanted]
    wrong += [
        f"{key} has shape {tuple(state[key].shape)}, expected {tuple(shape)}"
        for key, shape in wanted.items()
        if key in state and state[key].shape != shape
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise InputError(f"weights: {path} does not fit torchvision's {backbone}: {'; '.join(wrong[:5])}{more}")
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    bad = [key for key, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise InputError(f"weights: {path} holds values that are not finite, in {', '.join(bad[:5])}")
    return state


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_file(path: Path, backbone: Backbone, kind: Literal["imagenet", "file"]) -> Weights:
    return Weights(backbone, kind, read(path, backbone), _sha256(path), str(path))


def _in_directory(directory: Path, backbone: Backbone) -> Path | None:
    found = sorted(directory.glob(f"{backbone}*.pth"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"COFTAD_WEIGHTS: {directory} holds several files for {backbone} ({names}); leave one")
    return found[0] if found else None


def imagenet(backbone: Backbone) -> Weights:
    """ImageNet weights, or an InputError that says what was tried."""
    tried = []
    if directory := os.environ.get("COFTAD_WEIGHTS"):
        if path := _in_directory(Path(directory), backbone):
            return _from_file(path, backbone, "imagenet")
        tried.append(f"{directory} (COFTAD_WEIGHTS): no {backbone}*.pth there")
    else:
        tried.append("COFTAD_WEIGHTS: not set")
    url = get_model_weights(backbone)["IMAGENET1K_V1"].url
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if cached.is_file():
        return _from_file(cached, backbone, "imagenet")
    tried.append(f"{cached}: no such file")
    try:
        torch.hub.load_state_dict_from_url(url, map_location="cpu", weights_only=True, progress=False, check_hash=True)
        return _from_file(cached, backbone, "imagenet")
    except (URLError, OSError, RuntimeError) as error:
        tried.append(f"{url}: {getattr(error, 'reason', error)}")
    raise InputError(
        f"weights: imagenet for {backbone} cannot be had. Tried " + "; ".join(tried) + ". Put torchvision's file into "
        "the directory COFTAD_WEIGHTS, or give a path, `random` or `auto`"
    )


def resolve(spec: str, backbone: Backbone) -> Weights:
    """`imagenet`, `random`, `auto` or a path, as a user writes it."""
    if backbone not in get_args(Backbone):
        raise InputError(f"backbone: {backbone!r} is unknown; one of {', '.join(get_args(Backbone))} is accepted")
    if spec == "random":
        return Weights(backbone, "random", None, None, "drawn from the seed")
    if spec == "imagenet":
        return imagenet(backbone)
    if spec == "auto":
        try:
            return imagenet(backbone)
        except InputError as error:
            warnings.warn(f"NO PRETRAINED WEIGHTS, starting from random ones. {error}", stacklevel=2)
            return resolve("random", backbone)
    return _from_file(Path(spec).expanduser(), backbone, "file")
