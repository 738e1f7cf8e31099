"""Run one configuration of a finished sweep again, here and without Ray, and compare with what was recorded."""

from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from coftad import trial
from coftad.devices import pick, repeatable
from coftad.types import InputError
from tune_runner import plan, resources
from tune_runner.objective import best_row, values
from tune_runner.reconcile import load_study
from tune_runner.records import Records
from tune_runner.spec import load
from tune_runner.spec_model import SweepSpec


def reproduce(directory: Path, number: int, console: Console) -> int:
    """Exit code 0 if every score is the same bit for bit, else 1. Raises InputError."""
    records = Records(directory).of(number)
    if not records:
        known = ", ".join(map(str, Records(directory).episodes())) or "none"
        raise InputError(f"--trial: {number} has no finished episode in {directory}; these have: {known}")
    spec = load(directory / "sweep.yaml", [], resources.hardware())
    prepared = plan.prepare(spec)
    refuse_other_weights(directory, prepared, "--reproduce")
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


def refuse_other_weights(directory: Path, prepared: plan.Prepared, command: str) -> None:
    """Raise InputError, in the name of `command`, where the trials in `directory` started from others."""
    study = load_study(directory)
    before = study.user_attrs.get("weights", {}) if study is not None else {}
    for name, digest in prepared.weight_digests.items():
        if before.get(name, digest) != digest:
            raise InputError(
                f"{command}: the weights of {name} are not those of {directory}: their SHA-256 is {digest[:12]}, "
                f"it was {before[name][:12]}"
            )
