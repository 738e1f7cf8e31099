"""One planted study through the program's own path: searcher, records, study, summary.

What every study of a cell has in common (specification, images) is made once. Files lie in memory where the system has
a file system there.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import yaml

from benchmarks.claims.planting import World
from benchmarks.claims.scenarios import Cell, Scenario
from benchmarks.claims.shortcuts import STUDIES
from coftad.metrics import Metrics, aurocs
from coftad.seeding import derive
from coftad.types import ImageSet
from coftad.weights import Weights
from tune_runner import plan, run, validation
from tune_runner.plan import Prepared
from tune_runner.reconcile import verdict
from tune_runner.records import EpisodeRecord, Records, RowRecord, Scores
from tune_runner.searcher import StudySearcher
from tune_runner.spec import load
from tune_runner.study.summary import Summary, best_trial, summarise
from tune_runner.trainable import TRIAL_CONFIG
from tune_runner.tuning import scheduler

NORMAL, ANOMALOUS = 200, 60  # half of each to search with, half held out
SHOTS = 5


@dataclass(frozen=True, eq=False)
class Planted:
    """A finished study and what is true of it."""

    world: World
    prepared: Prepared
    study: optuna.Study
    records: Records
    summary: Summary

    @property
    def directory(self) -> Path:
        return self.records.directory

    def gain(self, record: EpisodeRecord, row: int) -> float:
        """Planted, of one row of a recorded training."""
        key = record.rows[row]
        return self.world.gain(record.training, key.steps, key.scoring)

    def true(self, truth: int) -> int:
        """Without an effect nothing is true, whatever the scenario is about."""
        return truth if self.world.cell.effect else 0


@contextmanager
def folder() -> Iterator[Path]:
    """An empty one, in memory where that is possible, removed in the end."""
    memory = Path("/dev/shm")
    beside = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="claims-", dir=beside) as name:
        yield Path(name)


@cache
def images(pooled: bool) -> ImageSet:
    """Of one pixel each, with normal ones beside the pool for support sets unless they are drawn from it."""
    normal = NORMAL if pooled else NORMAL + 60
    labels = np.repeat([0, 1], [normal, ANOMALOUS]).astype(np.int8)
    pixels = np.zeros((len(labels), 3, 1, 1), np.uint8)
    return ImageSet("planted", pixels, labels, tuple(f"{row:03d}.png" for row in range(len(labels))), "0" * 64)


@cache
def _prepared(scenario: str, space: str, search: str, cell: Cell, validated: int, path: bool, pooled: bool) -> Prepared:
    """All that the studies of a cell share. Keyed by texts, as mappings are not hashable."""
    pool = {} if pooled else {"pool_normal": NORMAL, "pool_anomalous": ANOMALOUS}
    settings = {
        "name": scenario,
        "dataset": {"name": "folder", "root": "planted", "shots": SHOTS, "holdout": 0.5, **pool},
        "trainer": {"weights": "random"},
        "space": yaml.safe_load(space),
        "search": yaml.safe_load(search),
        "episodes": cell.episodes,
        "budget": {"trials": cell.trials},
        "tracking": None,
    }
    if validated:
        settings["validation"] = {"episodes": validated, "path": path}
    with folder() as place:
        (place / "sweep.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        spec = load(place / "sweep.yaml")
    image_set = images(pooled)
    backbones = plan.backbones(spec.space, spec.trainer_values)
    weights = {name: Weights(name, "random", None, None, "planted") for name in backbones}
    return Prepared(spec, image_set, plan.episodes(spec, image_set), weights)


def prepared_for(scenario: Scenario, cell: Cell) -> Prepared:
    """Opened as `plan.prepare` would, of images that are in no file."""
    space, search = (yaml.safe_dump(dict(each), sort_keys=False) for each in (scenario.space, scenario.search))
    return _prepared(scenario.name, space, search, cell, scenario.validated, scenario.path, scenario.pooled)


def planted(scenario: Scenario, cell: Cell, directory: Path, *, seed: int, data: int = 0) -> Planted:
    """Run the search and its validation, and summarise. seed: of the sweep. data: which data set it is run on."""
    prepared = prepared_for(scenario, cell)
    prepared = replace(prepared, spec=replace(prepared.spec, seed=seed % 2**31))
    prepared = replace(prepared, episodes=plan.episodes(prepared.spec, prepared.image_set))
    world = World(scenario, cell, derive(seed, "data", data))
    run.write_spec(prepared.spec, directory) if scenario.compared else directory.mkdir(parents=True)
    study = optuna.create_study(direction="maximize")
    search(world, prepared, study, Records(directory))
    if scenario.validated:
        _validate(world, prepared, study, directory)
    records = Records(directory)
    return Planted(world, prepared, study, records, summarise(prepared, study, records, {}, importance=False))


def search(world: World, prepared: Prepared, study: optuna.Study, records: Records) -> None:
    """As the driver does it, one configuration after the other, with Ray's scheduler between episodes."""
    searcher, stops = StudySearcher(study, prepared.spec), scheduler(prepared.spec)
    while searcher.more:
        ray_trial = f"planted_{len(searcher.study.get_trials(deepcopy=False))}"
        suggested = searcher.suggest(ray_trial)
        if not isinstance(suggested, dict):
            break
        number, config = suggested["number"], TRIAL_CONFIG.validate_python(suggested["trial"])
        kept: list[EpisodeRecord] = []
        known: Any = SimpleNamespace(trial_id=ray_trial)
        stops.on_trial_add(None, known)
        for episode in range(len(prepared.episodes)):
            kept.append(_record(world, prepared, records, number, ray_trial, config, episode))
            if prepared.spec.search.scheduler == "none" and episode + 1 < len(prepared.episodes):
                continue
            result = verdict(kept, prepared.spec.objective)
            told = {"training_iteration": episode + 1, "objective": result.value}
            if stops.on_trial_result(None, known, told) == "STOP":
                break
        searcher.complete(ray_trial, result.value, result.attributes, pruned=len(kept) < len(prepared.episodes))
    if searcher.error is not None:
        raise searcher.error


def _record(
    world: World, prepared: Prepared, records: Records, number: int, ray_trial: str, config: Any, place: int
) -> EpisodeRecord:
    """One episode, recorded."""
    episode = prepared.episodes[place]
    scores, criteria = world.scores(config, episode)
    searched = np.isin(episode.scored_rows, episode.search_rows)
    measured = aurocs(prepared.image_set.labels[episode.scored_rows[searched]], scores[:, searched])
    keys = [(steps, scoring) for steps in config.points for scoring in config.scorings]
    record = EpisodeRecord(
        trial=number,
        ray_trial=ray_trial,
        episode=place,
        seed=episode.seed,
        training=config.training,
        rows=tuple(
            RowRecord(
                steps=steps,
                scoring=scoring,
                search=Metrics(float(auroc), 0.0, 0.0),  # a report claims nothing of the others
                criteria=unlabelled,
            )
            for (steps, scoring), auroc, unlabelled in zip(keys, measured, criteria, strict=True)
        ),
        seconds={"train": 1.0},
        finished_at=0.0,
        host="planted",
        threads=1,
    )
    records.append(record, Scores(scores=scores, image_rows=episode.scored_rows, losses={}))
    return record


def _validate(world: World, prepared: Prepared, study: optuna.Study, directory: Path) -> None:
    """As `run` does it: a sweep of its own in a folder of the first one's."""
    best = best_trial(study)
    if best is None:
        return
    spec = validation.specification(prepared.spec, study.get_trials(deepcopy=False)[best], None)
    place = validation.folder(directory, best, prepared.spec.validation)
    run.write_spec(spec, place)
    repeated = STUDIES[place] = optuna.create_study(direction="maximize")
    search(world, validation.prepare(prepared, spec), repeated, Records(place))
