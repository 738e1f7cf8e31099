"""What Figures 5, 6 and 7 compare: the network before fine-tuning, and after it with one term of the loss more each
time. A sweep with `sampler: ablation` holds just these."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coftad.metrics import Floats, evaluate
from coftad.types import FineTuning, InputError
from tune_runner.designs import key, points
from tune_runner.plan import Prepared
from tune_runner.reconcile import load_study
from tune_runner.records import Records, RowRecord
from tune_runner.study import ablated
from tune_runner.study.scored import completed, labels_and_scores
from tune_runner.study.versus import Side


@dataclass(frozen=True, eq=False)
class Stage:
    """One network of the ablation, under the paper's name for it, and where its scores are recorded."""

    side: Side

    @property
    def name(self) -> str:
        return self.side.name

    @property
    def training(self) -> FineTuning:
        return self.side.episodes[0].training

    @property
    def row(self) -> RowRecord:
        return self.side.episodes[0].rows[self.side.row]


@dataclass(frozen=True, eq=False)
class Ablation:
    """A sweep that has run its ablation to the end. kept: what its study keeps of weights, images and environment."""

    prepared: Prepared
    records: Records
    stages: tuple[Stage, ...]
    kept: Mapping[str, Any]

    @property
    def episodes(self) -> int:
        return len(self.stages[0].side.episodes)

    def on_test(self, stage: Stage, episode: int = 0) -> tuple[NDArray[np.int8], Floats]:
        """Labels and scores (T,) of the test images, in the order of the episode's `test_rows`."""
        records = stage.side.episodes[episode : episode + 1]
        [labels], [scores] = labels_and_scores(self.prepared, self.records, records, stage.side.row, "test_rows")
        return labels, scores

    def auroc(self, stage: Stage, episode: int = 0) -> float:
        """On all test images of one episode."""
        return evaluate(*self.on_test(stage, episode)).auroc


def opened(prepared: Prepared, directory: Path, figure: str) -> Ablation:
    """The ablation in a sweep's directory. Raises InputError, in the name of `figure`, where it is none, or not run to
    its end."""
    search, study = prepared.spec.search, load_study(directory)
    if search.sampler != "ablation" or study is None:
        raise InputError(f"{figure}: {directory} is no ablation that was run: search.sampler: ablation is needed")
    trials = completed(study)
    done = {key(trial.params) for trial in trials}
    design = points(prepared.spec.space, search)
    if missing := sum(key(point) not in done for point in design):
        raise InputError(
            f"{figure}: {missing} of the {len(design)} configurations in {directory} are not complete; "
            f"--resume {shlex.quote(str(directory))} runs those that are left"
        )
    records = Records(directory)
    sides = ablated.path(prepared, trials, records)
    return Ablation(prepared, records, tuple(map(Stage, _named(sides))), study.user_attrs)


def called(training: FineTuning, steps: int) -> str:
    """A network of the ablation in the words of the paper's Figures 6 and 7."""
    if steps == 0:
        return "w/o fine-tuning"
    if training.negative_augmentation != "none" and training.lambda_np > 0:
        return "w/ np loss"
    if training.lambda_pp > 0:
        return "w/ fixed centre" if training.positive_pair == "fixed_centre" else "w/ pp loss"
    return "w/ contrastive loss"


def _named(sides: Sequence[Side]) -> list[Side]:
    """As the paper calls them; as the ablation does where that does not tell two of them apart."""
    names = [called(side.episodes[0].training, side.episodes[0].rows[side.row].steps) for side in sides]
    return [
        replace(side, name=name) if names.count(name) == 1 else side for side, name in zip(sides, names, strict=True)
    ]
