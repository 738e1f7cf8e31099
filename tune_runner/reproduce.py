"""Run one configuration of a finished sweep again, here and without Ray, and compare with what was recorded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from coftad import trial
from coftad.devices import pick, repeatable
from coftad.types import InputError
from tune_runner.objective import COSTLY, best_row, values
from tune_runner.records import Records
from tune_runner.reopening import reopen, with_weights
from tune_runner.spec_model import SweepSpec


def reproduce(directory: Path, number: int, console: Console, overrides: Sequence[str] = ()) -> int:
    """Exit code 0 if every score is the same bit for bit, else 1. overrides: where images and weights are by now.
    Raises InputError, also where these are others than they were."""
    records = Records(directory).of(number)
    if not records:
        known = ", ".join(map(str, Records(directory).episodes())) or "none"
        raise InputError(f"--trial: {number} has no finished episode in {directory}; these have: {known}")
    prepared = with_weights(reopen(directory, "--reproduce", overrides)[0], directory, "--reproduce")
    spec = prepared.spec
    same = True
    for record in records:
        scorings = tuple(dict.fromkeys(row.scoring for row in record.rows))
        points = tuple(dict.fromkeys(row.steps for row in record.rows))
        config = trial.TrialConfig(training=record.training, points=points, scorings=scorings)
        with repeatable(record.threads):
            result = trial.run(
                config,
                prepared.episodes[record.episode],
                prepared.weights[record.training.backbone].state,
                device=device(spec),
                costly_criteria=spec.objective in COSTLY,
            )
        before = Records(directory).scores(record).scores
        equal = np.array_equal(result.scores, before)
        best = best_row(values(result.rows, spec.objective)[None])
        difference = "" if equal else f", by at most {np.abs(result.scores - before).max():.3g}"
        console.print(
            f"trial {number}, episode {record.episode}: {'identical' if equal else 'DIFFERENT'}{difference}; "
            f"best row: search AUROC {result.rows[best].search.auroc:.4f}, before {record.rows[best].search.auroc:.4f}",
            highlight=False,
        )
        same &= equal
    return 0 if same else 1


def device(spec: SweepSpec) -> torch.device:
    """Where trials of this sweep run on this machine."""
    return pick("auto" if spec.resources == "auto" or spec.resources.gpu else "cpu")
