"""Fit COFT-AD to a folder of normal images and score another folder, outside any sweep.

python -m coftad --train normal/ --score incoming/ --config runs/.../artifacts/trial-0004/config.yaml > scores.csv
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from coftad.datasets.files import existing_folder, images_below
from coftad.datasets.images import Source, load_images
from coftad.detectors import CoftAD
from coftad.devices import pick, repeatable
from coftad.types import FineTuning, Images, InputError, Scoring


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m coftad", description=(__doc__ or "").splitlines()[0])
    top.add_argument("--train", type=Path, required=True, metavar="DIR", help="a folder of 2 or more normal images")
    top.add_argument("--score", type=Path, required=True, metavar="DIR", help="a folder of images to score")
    top.add_argument("--config", type=Path, metavar="FILE", help="config.yaml of a sweep's trial; default: the paper's")
    top.add_argument("--image-size", type=int, default=64, help="pixels, square")
    top.add_argument("--weights", default="auto", help="auto, imagenet, random or a path")
    top.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    top.add_argument("--threads", type=int, default=1, help="of torch; scores repeat with the same number")
    top.add_argument("--seed", type=int, default=0)
    return top


def detector(config: Path | None, weights: str, device: str) -> CoftAD:
    """The detector that a trial's `config.yaml` describes. Raises InputError."""
    pick(device)
    if config is None:
        return CoftAD(weights=weights, device=device)
    try:
        content = yaml.safe_load(config.read_text())
        return CoftAD(
            FineTuning(**content["training"]), Scoring(**content["scoring"]), int(content["steps"]), weights, device
        )
    except OSError as error:
        raise InputError(f"--config: {config}: {error.strerror}") from None
    except (yaml.YAMLError, ValidationError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--config: {config} is not the config.yaml of a trial: {reason}") from None


def read(folder: Path, option: str, image_size: int, least: int) -> tuple[list[str], Images]:
    """Names and pixels of all images below `folder`."""
    root = existing_folder(folder, f"the folder of {option}")
    names = images_below(root, ".")
    if len(names) < least:
        raise InputError(f"{option}: {folder} holds {len(names)} images; {least} or more are needed")
    return names, load_images(root, [Source(name) for name in names], image_size)


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        chosen = detector(given.config, given.weights, given.device)
        _, train = read(given.train, "--train", given.image_size, 2)
        names, images = read(given.score, "--score", given.image_size, 1)
        with repeatable(given.threads):
            fitted = chosen.fit(train, seed=given.seed, on_step=lambda *_: None)
            scores = fitted.score(images)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["path", "score"])
    table.writerows(zip(names, map(float, scores), strict=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
