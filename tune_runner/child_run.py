"""What the MLflow run of one configuration says, worked out from its records alone."""

import csv
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from coftad.configuration import digest
from coftad.datasets.files import printable
from coftad.types import Scoring
from tune_runner import artifacts
from tune_runner import objective as objectives
from tune_runner.checksums import note_files
from tune_runner.context import Outcome, Split, SweepContext
from tune_runner.records import EpisodeRecord, Records, RowRecord
from tune_runner.space import scoring_values

FORMAT_TAG, FORMAT = "coftad.format", "2"
"""What a run holds; to be raised where its names change, since the doctor misses none in a run of this format."""

_CURVE_POINTS = 500  # of a loss curve: more cannot be seen, and 4 curves of 1e5 steps would be 400 requests
_LONGEST_TAG = 2_000  # characters of an error message; MLflow takes 8,000


@dataclass(frozen=True)
class Content:
    """metrics: (name, value, step), finite. Times in ms since the epoch, taken from the records: sending the same run
    twice sends equal metrics, which MLflow keeps once."""

    name: str
    params: dict[str, str]
    metrics: list[tuple[str, float, int]]
    tags: dict[str, str]
    started_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True, eq=False)
class Scored:
    """One episode's images of one split: rows (S,) of the image set, labels (S,), scores (S,)."""

    episode: int
    rows: NDArray[np.int64]
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]


def best_row(records: Sequence[EpisodeRecord], objective: objectives.Objective = "auroc") -> tuple[int, Scoring]:
    """Steps and scoring with the highest mean of the objective over all of these episodes.

    records: of one configuration, at least one. The first of equals wins. Only rows that every episode has compete.
    """
    rows = _common_rows(records)
    values_ER = np.stack([objectives.values(row, objective) for row in rows.values()], axis=1)
    return list(rows)[objectives.best_row(values_ER)]


def scored(
    context: SweepContext, records: Records, episodes: Sequence[EpisodeRecord], row: tuple[int, Scoring], split: Split
) -> list[Scored]:
    """The scores of one row on the images of `split`, per episode."""
    result = []
    for record in episodes:
        arrays = records.scores(record)
        index = [(other.steps, other.scoring) for other in record.rows].index(row)
        chosen = np.isin(arrays.image_rows, context.rows(record.episode, split))
        rows = arrays.image_rows[chosen]
        result.append(Scored(record.episode, rows, context.image_set.labels[rows], arrays.scores[index, chosen]))
    return result


def content(context: SweepContext, outcome: Outcome, episodes: Sequence[EpisodeRecord]) -> Content:
    """Name, parameters, metrics and tags. episodes: may be empty, for a configuration that failed at once."""
    params = {name: str(value) for name, value in context.common.items()}
    tags = {
        **context.tags,
        "coftad.kind": "configuration",
        FORMAT_TAG: FORMAT,
        "coftad.trial": str(outcome.trial),
        "coftad.ray_trial": outcome.ray_trial or (episodes[0].ray_trial if episodes else ""),
        "coftad.state": outcome.state,
        "coftad.dataset": context.image_set.name,
        "coftad.dataset_digest": context.image_set.digest,
        "coftad.host": ", ".join(sorted({record.host for record in episodes})),
        "coftad.reason": outcome.reason,
        "coftad.message": outcome.message[:_LONGEST_TAG],
    }
    if context.reproduce:
        command = context.reproduce.replace("{trial}", str(outcome.trial))
        tags["mlflow.note.content"] = f"Repeat this configuration:\n\n```\n{command}\n```\n"
    metrics: list[tuple[str, float, int]] = []
    training = episodes[0].training if episodes else outcome.training
    if training is not None:
        params |= {name: str(value) for name, value in asdict(training).items()}
        if training.negative_augmentation == "none":
            del params["lambda_np"]  # weighs a loss that is not there; a value would plot as if it mattered
    if episodes:
        steps, scoring = best_row(episodes, context.objective)
        params |= {"steps": str(steps)} | {name: str(value) for name, value in scoring_values(scoring).items()}
        metrics = _row_metrics(episodes, (steps, scoring))
    return Content(
        name=f"trial-{outcome.trial:04d}",
        params=params,
        metrics=[(name, value, step) for name, value, step in metrics if math.isfinite(value)],
        tags={name: value for name, value in tags.items() if value},
        started_ms=min((int((r.finished_at - _total(r)) * 1000) for r in episodes), default=None),
        ended_ms=max((int(r.finished_at * 1000) for r in episodes), default=None),
    )


def loss_metrics(records: Records, episodes: Sequence[EpisodeRecord]) -> list[tuple[str, float, int]]:
    """`loss/<name>` over steps 1, 2, ...: mean over the episodes, in at most 500 points of equal width each."""
    losses = [records.scores(record).losses for record in episodes]
    result: list[tuple[str, float, int]] = []
    for name in dict.fromkeys(name for episode in losses for name in episode):
        curves = [episode[name] for episode in losses if name in episode]
        length = min(map(len, curves))
        mean = np.mean([curve[:length] for curve in curves], axis=0)
        parts = np.array_split(np.arange(length), min(length, _CURVE_POINTS)) if length else []
        result += [(f"loss/{name}", float(mean[part].mean()), int(part[-1]) + 1) for part in parts]
    return [(name, value, step) for name, value, step in result if math.isfinite(value)]


def draw(
    context: SweepContext,
    records: Records,
    episodes: Sequence[EpisodeRecord],
    folder: Path,
    *,
    split: Split = "search",
    row: tuple[int, Scoring] | None = None,
) -> None:
    """Fill `folder` with config.yaml, scores.csv, roc.png, score_histogram.png and gallery.png of one row, by default
    the best. The folder appears complete or not at all. Raises OSError, RecordingError."""
    row = row or best_row(episodes, context.objective)
    runs = scored(context, records, episodes, row, split)
    unfinished = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _write_config(unfinished / "config.yaml", context, episodes, row, split)
    # A name that is not UTF-8 is written as the bytes that it has on the disk.
    with (unfinished / "scores.csv").open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file)
        table.writerow(("episode", "path", "label", "score"))
        for run in runs:
            for image, label, score in zip(run.rows, run.labels, run.scores, strict=True):
                table.writerow((run.episode, context.image_set.paths[image], int(label), repr(float(score))))
    pairs = [(run.scores, run.labels) for run in runs]
    title = f"{context.name} · trial {episodes[0].trial} · {split} images of {context.image_set.name}"
    if all(0 < run.labels.sum() < len(run.labels) for run in runs):
        artifacts.roc(unfinished / "roc.png", pairs, title)
    artifacts.score_histogram(unfinished / "score_histogram.png", pairs, title)
    pool = context.image_set
    rows, scores = _per_image(runs)
    if len(runs) > 1:
        title += f" · score in standard deviations from the normal images, mean of {len(runs)} episodes"
    names = [printable(pool.paths[image]) for image in rows]
    artifacts.gallery(unfinished / "gallery.png", scores, pool.labels[rows], pool.images[rows], names, title)
    note_files(unfinished, sorted(unfinished.iterdir()))
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _per_image(runs: Sequence[Scored]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Each image once: its row and its score, standardised and averaged where there are several episodes."""
    if len(runs) == 1:
        return runs[0].rows, runs[0].scores
    rows, places = np.unique(np.concatenate([run.rows for run in runs]), return_inverse=True)
    values = np.concatenate([artifacts.standardise(run.scores, run.labels) for run in runs])
    return rows, np.bincount(places, values) / np.bincount(places)


def _common_rows(records: Sequence[EpisodeRecord]) -> dict[tuple[int, Scoring], list[RowRecord]]:
    """The rows that every episode has: (steps, scoring) -> one row an episode."""
    rows: dict[tuple[int, Scoring], list[RowRecord]] = {}
    for record in records:
        for row in record.rows:
            rows.setdefault((row.steps, row.scoring), []).append(row)
    return {key: found for key, found in rows.items() if len(found) == len(records)}


def _row_metrics(episodes: Sequence[EpisodeRecord], best: tuple[int, Scoring]) -> list[tuple[str, float, int]]:
    """`auroc` and `criteria/*` are those of the best row. `auroc_over/*` are charts: their step is the episode, the
    number of augmentations N_A, or the training step, all else as in the best row."""
    rows = _common_rows(episodes)
    steps, scoring = best
    chosen = [row.search for row in rows[best]]
    aurocs = [metrics.auroc for metrics in chosen]

    def mean(key: tuple[int, Scoring]) -> float:
        return float(np.mean([row.search.auroc for row in rows[key]]))

    result = [
        ("auroc", mean(best), 0),
        ("auroc_n", float(len(aurocs)), 0),
        ("average_precision", float(np.mean([metrics.average_precision for metrics in chosen])), 0),
        ("f1_max", float(np.mean([metrics.f1_max for metrics in chosen])), 0),
        ("seconds/total", sum(map(_total, episodes)), 0),
    ]
    result += [(f"criteria/{name}", value, 0) for name, value in objectives.mean_criteria(rows[best]).items()]
    if len(aurocs) > 1:
        result.append(("auroc_std", float(np.std(aurocs, ddof=1)), 0))
    parts = dict.fromkeys(name for record in episodes for name in record.seconds)
    result += [(f"seconds/{name}", sum(record.seconds.get(name, 0.0) for record in episodes), 0) for name in parts]
    result += [("auroc_over/episode", value, record.episode) for value, record in zip(aurocs, episodes, strict=True)]

    def but_n_a(other: Scoring) -> dict[str, object]:
        return {name: value for name, value in asdict(other).items() if name != "n_a"}

    for key in sorted(rows, key=lambda key: (key[0], key[1].n_a)):
        if key[1] == scoring:
            result.append(("auroc_over/steps", mean(key), key[0]))
        if key[0] == steps and but_n_a(key[1]) == but_n_a(scoring):
            result.append(("auroc_over/n_a", mean(key), key[1].n_a))
    return result


def _total(record: EpisodeRecord) -> float:
    return sum(record.seconds.values())


def _write_config(
    path: Path, context: SweepContext, episodes: Sequence[EpisodeRecord], row: tuple[int, Scoring], split: Split
) -> None:
    """What `coftad.configuration` reads."""
    inputs = dict(context.inputs)
    first = inputs.pop("first_episode", None)
    training = episodes[0].training
    inputs["weights"] = inputs.get("weights", {}).get(training.backbone)
    document = {
        "trial": episodes[0].trial,
        "training": asdict(training),
        "steps": row[0],
        "scoring": asdict(row[1]),
        "points": sorted({other.steps for record in episodes for other in record.rows}),
        "scorings": [asdict(other) for other in dict.fromkeys(key[1] for key in _common_rows(episodes))],
        "episodes": {
            record.episode: {
                "seed": record.seed,
                "index": None if first is None else first + record.episode,
                "threads": record.threads,
                "support": [
                    {"path": context.image_set.paths[image], "sha256": digest(context.image_set.images[image])}
                    for image in context.episodes[record.episode].train_rows
                ],
            }
            for record in episodes
        },
        "shown": split,
        **inputs,
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
