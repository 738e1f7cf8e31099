"""A sweep of noise with records made up, and what MLflow holds of it."""

from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run

from coftad.metrics import evaluate
from coftad.types import Episode, FineTuning, ImageSet, Scoring
from tune_runner.context import git_tags
from tune_runner.records import EpisodeRecord, Records, RowRecord, Scores
from tune_runner.tracking import Outcome, SweepContext, Tracker

POINTS, N_AS = (0, 10, 20), (1, 5)
SHA = "0123456789abcdef" * 4


def sweep(directory: Path, tracking_uri: str) -> SweepContext:
    """48 random images of 12 x 12; 3 episodes of 4 shots, 22 images to search and 22 to test with."""
    generator = np.random.default_rng(0)
    pool = ImageSet(
        name="noise",
        images=np.repeat(generator.integers(0, 255, (48, 1, 12, 12), dtype=np.uint8), 3, axis=1),
        labels=(np.arange(48) % 3 == 0).astype(np.int8),
        paths=tuple(f"{'bad' if row % 3 == 0 else 'good'}/{row:02d}.png" for row in range(48)),
        digest=SHA,
        provenance={"source": "drawn for a test"},
    )
    episodes = {}
    for index in range(3):
        rows = generator.permutation(48)
        rows = np.r_[rows[pool.labels[rows] == 0], rows[pool.labels[rows] == 1]]
        train, rest = rows[:4], generator.permutation(rows[4:])
        episodes[index] = Episode(pool, index, 100 + index, train, rest[:22], rest[22:])
    return SweepContext(
        name="noise-sweep",
        directory=directory,
        tracking_uri=tracking_uri,
        experiment="tests",
        image_set=pool,
        episodes=episodes,
        common={"seed": 7, "image_size": 12, "shots": 4},
        tags={"weights": "auto: random", **git_tags()},
        reproduce="tune-runner reproduce DIR --trial {trial}",
    )


def record_trial(context: SweepContext, trial: int, episodes: tuple[int, ...] = (0, 1, 2)) -> None:
    records = Records(context.directory)
    for index in episodes:
        generator = np.random.default_rng((trial, index))
        image_rows = context.episodes[index].scored_rows
        labels = context.image_set.labels[image_rows]
        scores = generator.normal(0, 1, (6, len(image_rows))) + labels * np.arange(6)[:, None] / 4
        searched = np.isin(image_rows, context.rows(index, "search"))
        keys = [(steps, Scoring(n_a=n_a)) for steps in POINTS for n_a in N_AS]
        rows = tuple(
            RowRecord(steps=steps, scoring=scoring, search=evaluate(labels[searched], line[searched]))
            for (steps, scoring), line in zip(keys, scores, strict=True)
        )
        record = EpisodeRecord(
            trial=trial,
            ray_trial=f"ray_{trial}",
            episode=index,
            seed=100 + index,
            training=FineTuning(lambda_pp=0.25 + trial),
            rows=rows,
            seconds={"train": 2.0, "score": 1.0},
            finished_at=1.7e9 + 10 * trial + 3 * index,
            host="machine",
            threads=1,
        )
        losses = {name: np.linspace(1, index, 20) for name in ("con", "all")}
        records.append(record, Scores(scores=scores, image_rows=image_rows, losses=losses))


def runs_of(uri: str, kind: str = "configuration") -> list[Run]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("tests")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.`coftad.kind` = '{kind}'", max_results=5000)
    return sorted(found, key=lambda run: run.info.run_name)


def send(context: SweepContext, *outcomes: Outcome) -> None:
    tracker = Tracker(context)
    for outcome in outcomes:
        tracker.ended(outcome)
    assert tracker.close(60) == 0, tracker.problem
