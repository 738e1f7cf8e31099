"""Folders of runs of a table that nobody ran: real records, with AUROCs that are known."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from coftad.metrics import Metrics
from coftad.types import FineTuning, Scoring
from tune_runner.records import EpisodeRecord, Records, RowRecord, Scores

DATASET = {"name": "flowers17", "image_size": 32, "shots": 5, "holdout": 0.0, "pool_normal": 70, "pool_anomalous": 10}
TRAINER = {"weights": "imagenet", "steps": 20}


def sweep(folder: Path, dataset: Mapping[str, Any] = {}, trainer: Mapping[str, Any] = {}) -> Records:
    """A sweep's folder that holds its specification, and nothing recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = {"name": "made_up", "seed": 0, "dataset": {**DATASET, **dataset}, "trainer": {**TRAINER, **trainer}}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(spec))
    return Records(folder)


def parts(folder: Path, *entries: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "parts.json").write_text(json.dumps(entries))


def record(
    records: Records,
    aurocs: Sequence[float],
    training: FineTuning | None = None,
    rows: Mapping[tuple[int, Scoring], float] | None = None,
    trial: int = 0,
    first: int = 0,
) -> None:
    """AUROC in %, one an episode. rows: by steps and scoring, what to add to it; without them one, after 20 steps."""
    keys = rows or {(20, Scoring()): 0.0}
    for episode, auroc in enumerate(aurocs, first):
        records.append(
            EpisodeRecord(
                trial=trial,
                ray_trial=f"ray_{trial}",
                episode=episode,
                seed=7,
                training=training or FineTuning(),
                rows=tuple(
                    RowRecord(steps=steps, scoring=scoring, search=Metrics((auroc + more) / 100, 0.5, 0.5))
                    for (steps, scoring), more in keys.items()
                ),
                seconds={"train": 1.0},
                finished_at=1.7e9,
                host="here",
                threads=1,
            ),
            Scores(scores=np.zeros((len(keys), 2)), image_rows=np.arange(2), losses={}),
        )
