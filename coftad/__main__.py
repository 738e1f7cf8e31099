"""Fit COFT-AD to normal images and score others, outside any sweep.

python -m coftad --config runs/.../artifacts/trial-0004/config.yaml --score incoming/ > scores.csv
python -m coftad --train normal/ --score incoming/ > scores.csv
"""

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from coftad import configuration, options, weights
from coftad.configuration import Configuration
from coftad.datasets.files import SUFFIXES, existing_folder, ignored_below, images_below
from coftad.datasets.images import GreyRange, Source, load_images
from coftad.devices import pick, repeatable
from coftad.embeddings import to_float
from coftad.finetune import NonFiniteLoss, finetune
from coftad.options import Options
from coftad.output import write, write_table
from coftad.scoring import Scorers
from coftad.types import Images, InputError
from coftad.weights import Weights

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):  # argparse prints help and ends the program
            given = options.read(arguments)
        return write_table([("path", "score"), *score(given)])
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except NonFiniteLoss as error:
        print(f"the training gave numbers that are not finite: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as end:
        return write(text.getvalue()) or int(end.code or 0)


def score(given: Options) -> list[tuple[str, float]]:
    """Name and score of each image that is to be scored. Raises InputError."""
    settled = Settled(given)
    support, names, images, shown = settled.images()
    with repeatable(settled.threads):
        scores = settled.fit(support).score(images)
    row = settled.configuration.all_scorings.index(settled.configuration.scoring)
    return [(names[place], float(scores[row, place])) for place in shown]


class Settled:
    """The command line and the configuration made one, or InputError for what they contradict each other in."""

    def __init__(self, given: Options) -> None:
        self.given = given
        self.configuration = Configuration() if given.config is None else configuration.load(given.config)
        self.number, draw = self._draw()
        self.image_size: int = self._agreed("image_size", self.configuration.image_size, 64)
        self.threads: int = self._agreed("threads", draw.threads if draw else None, 1, needed=False)
        self.seed: int = self._agreed("seed", draw.seed if draw else None, 0, needed=False)
        self.device = pick(self._device())
        self.weights = self._weights()
        self.draw = draw
        here = configuration.versions()
        if other := [
            f"{name} {version} (here {here.get(name, 'none')})"
            for name, version in self.configuration.versions.items()
            if here.get(name) != version
        ]:
            print(f"{given.config} was made with {', '.join(other)}: scores may differ a little", file=sys.stderr)

    def images(self) -> tuple[Images, list[str], Images, Sequence[int]]:
        """Support set, and names and pixels of the images to score, and the places of those that are to be shown."""
        given, trial = self.given, None
        if given.train is None or given.score is None:
            trial = configuration.draw(self._with_data_set(), self.number, given.root)
        if given.train is None:
            assert trial is not None
            support = trial.train
        else:
            _, support = self._read(given.train, "--train", 2)
            support = self._in_order(support)
        if given.score is not None:
            names, images = self._read(given.score, "--score", 1)
            return support, names, images, range(len(names))
        assert trial is not None
        rows = trial.scored_rows  # all of them: rounding may depend on what shares a batch
        wanted = set((trial.search_rows if self.configuration.shown == "search" else trial.test_rows).tolist())
        shown = [place for place, row in enumerate(rows.tolist()) if row in wanted]
        return support, [trial.pool.paths[row] for row in rows], trial.pool.images[rows], shown

    def fit(self, support: Images) -> Scorers:
        """As the trial was: with the same stops on the way, and together with the same scorings."""
        made = self.configuration
        points = finetune(
            support,
            made.training,
            self.weights.state,
            points=made.all_points,
            seed=self.seed,
            device=self.device,
            on_step=lambda *_: None,
        )
        *_, (_, network) = points
        return Scorers(network, made.training, made.all_scorings, to_float(support, self.device), seed=self.seed)

    def _draw(self) -> tuple[int, configuration.Draw | None]:
        episodes = self.configuration.episodes
        number = min(episodes, default=0) if self.given.episode is None else self.given.episode
        if self.given.episode is not None and number not in episodes:
            there = ", ".join(map(str, sorted(episodes))) or "none"
            raise InputError(f"--episode: {number} is not in {self.given.config}; it has {there}")
        return number, episodes.get(number)

    def _agreed(self, name: str, there: int | None, default: int, *, needed: bool = True) -> int:
        """What both say, or the one that says something."""
        said: int | None = getattr(self.given, name)
        option, config = options.option(name), self.given.config
        if said is not None and there is not None and said != there:
            raise InputError(f"{option}: {said} contradicts {config}, whose trial had {there}; leave {option} out")
        if said is None and there is None and config is not None and needed:
            raise InputError(f"{config} does not name the {name}, as an earlier version wrote it; say {option}")
        return next(value for value in (said, there, default) if value is not None)

    def _device(self) -> str:
        said, there = self.given.device, self.configuration.device
        if said is not None and there not in (None, "auto") and pick(said).type != pick(str(there)).type:
            raise InputError(f"--device: {said} contradicts {self.given.config}, whose trial ran on {there}")
        return said or there or "auto"

    def _weights(self) -> Weights:
        backbone, there = self.configuration.training.backbone, self.configuration.weights
        said, config = self.given.weights, self.given.config
        if there is None:
            if config is not None and said is None:
                raise InputError(f"{config} does not name the weights, as an earlier version wrote it; say --weights")
            return weights.resolve(said or "auto", backbone)
        have = weights.resolve(said or there.spec, backbone)
        if have.sha256 != there.sha256:
            raise InputError(
                f"--weights: those of {have.origin} have SHA-256 {_short(have.sha256)}, but the trial of {config} "
                f"started from {there.kind} ones with {_short(there.sha256)}"
            )
        return have

    def _with_data_set(self) -> Configuration:
        made = self.configuration
        if made.dataset is None or self.number not in made.episodes:
            raise InputError(
                f"{self.given.config} does not name its images, as an earlier version wrote it; say --train and --score"
            )
        return made

    def _grey_range(self) -> GreyRange | None:
        made = self.configuration
        return None if made.dataset is None else configuration.source(made, None).grey_range

    def _read(self, path: Path, option: str, least: int) -> tuple[list[str], Images]:
        """Names and pixels of the images that `path` means."""
        root, names, sources = listed(path, option)
        if len(names) < least:
            raise InputError(f"{option}: {path} holds {len(names)} images; {least} or more are needed")
        return names, load_images(root, sources, self.image_size, grey_range=self._grey_range())

    def _in_order(self, support: Images) -> Images:
        """The trial's support set in the order in which it was drawn, whatever its files are called here."""
        if self.draw is None or not self.draw.support:
            return support
        ordered = configuration.in_order(support, self.draw.support)
        if ordered is None:
            print(
                f"--train: {self.given.train} holds other images than the support set of episode {self.number} in "
                f"{self.given.config}: this is a new detector with the settings of that trial",
                file=sys.stderr,
            )
            return support
        return ordered


def listed(path: Path, option: str) -> tuple[Path, list[str], list[Source]]:
    """(the root, names for people, sources below that root) of a folder, of a text file with one image a line, relative
    to that file, or of an image. Raises InputError."""
    path = path.expanduser()
    if not path.is_file():
        root = existing_folder(path, f"images, or a list of images, for {option}")
        names = images_below(root, ".")
        if ignored := ignored_below(root, "."):
            print(f"{option}: files in {path} that are not read as images: {ignored}", file=sys.stderr)
        return root, names, [Source(name) for name in names]
    folder = path.parent.absolute()
    if path.suffix.lower() in SUFFIXES:
        names = [path.name]
    else:
        try:
            lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
        except OSError as error:
            raise InputError(f"{option}: {path}: {error.strerror}") from None
        names = [os.fsdecode(line) for line in lines if line.strip()]
    anchor = Path(folder.anchor)
    return anchor, names, [Source((folder / name).relative_to(anchor).as_posix()) for name in names]


def _short(sha256: str | None) -> str:
    return "none" if sha256 is None else sha256[:12]


if __name__ == "__main__":
    sys.exit(main())
