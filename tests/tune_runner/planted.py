"""A sweep's directory as drivers leave it, without training: real study, records and MLflow, made-up scores."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
import yaml
from PIL import Image

from coftad.metrics import evaluate
from coftad.types import FineTuning
from tests.tune_runner.tiny import TINY
from tune_runner import build_context, plan, resources, run
from tune_runner.checksums import ATTRIBUTES, digest, of_attributes
from tune_runner.directory import SPEC, new_directory
from tune_runner.journal import sealed
from tune_runner.plan import Prepared
from tune_runner.reconcile import load_study, outcomes, verdict
from tune_runner.records import EpisodeRecord, Records, RowRecord, Scores
from tune_runner.searcher import StudySearcher
from tune_runner.spec import load
from tune_runner.tracking import Tracker
from tune_runner.trainable import TRIAL_CONFIG

SHARE = resources.Share(cpu=1, gpu=0, concurrent=1)


def images(folder: Path, normal: int = 24, abnormal: int = 12) -> None:
    """Pictures of noise."""
    generator = np.random.default_rng(0)
    for kind, count in (("normal", normal), ("abnormal", abnormal)):
        (folder / kind).mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (32, 32), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / kind / f"{index:02d}.png")


@dataclass
class Planted:
    """A driver whose every step is called by hand, so that it can be left between any two."""

    prepared: Prepared
    directory: Path
    searcher: StudySearcher
    strength: Callable[[FineTuning], float] | None = None  # of the anomalies against the noise; None: drawn
    criteria: Callable[[int, int], dict[str, float]] | None = None  # of a row, by its place and episode

    @property
    def records(self) -> Records:
        return Records(self.directory)

    @property
    def study(self) -> optuna.Study:
        found = load_study(self.directory)
        assert found is not None
        return found

    def suggest(self) -> tuple[str, int]:
        """Ray's id and the number of a trial that now runs."""
        trials = self.searcher.study.get_trials(deepcopy=False)
        ray_trial = f"ray_{sum('ray_trial' in trial.user_attrs for trial in trials)}"
        config = self.searcher.suggest(ray_trial)
        assert isinstance(config, dict)
        self.configs = {**getattr(self, "configs", {}), config["number"]: config["trial"]}
        return ray_trial, config["number"]

    def record(self, ray_trial: str, number: int, episode: int) -> None:
        config = TRIAL_CONFIG.validate_python(self.configs[number])
        drawn = self.prepared.episodes[episode]
        labels = self.prepared.image_set.labels[drawn.scored_rows]
        generator = np.random.default_rng((number, episode))
        keys = [(steps, scoring) for steps in config.points for scoring in config.scorings]
        scores = generator.normal(0, 1, (len(keys), len(labels))) + labels * generator.random((len(keys), 1))
        if self.strength is not None:  # the same images are hard for all
            hard = np.random.default_rng(episode).normal(0, 1, len(labels))
            scores = hard + labels * self.strength(config.training) + 0.1 * scores
        searched = np.isin(drawn.scored_rows, drawn.search_rows)
        self.records.append(
            EpisodeRecord(
                trial=number,
                ray_trial=ray_trial,
                episode=episode,
                seed=drawn.seed,
                training=config.training,
                rows=tuple(
                    RowRecord(
                        steps=steps,
                        scoring=scoring,
                        search=evaluate(labels[searched], line[searched]),
                        criteria=self.criteria(row, episode) if self.criteria else {},
                    )
                    for row, ((steps, scoring), line) in enumerate(zip(keys, scores, strict=True))
                ),
                seconds={"train": 1.0},
                finished_at=1.7e9 + number,
                host="here",
                threads=1,
            ),
            Scores(scores=scores, image_rows=drawn.scored_rows, losses={"all": np.linspace(1, 0, 5)}),
        )

    def finish(self, *, pruned: bool = False) -> int:
        """One whole trial, told to the study and not to a tracker."""
        ray_trial, number = self.suggest()
        for episode in range(1 if pruned else len(self.prepared.episodes)):
            self.record(ray_trial, number, episode)
        result = verdict(self.records.of(number), self.prepared.spec.objective)
        self.searcher.complete(ray_trial, result.value, result.attributes, pruned=pruned, running=result.running)
        return number

    def tracker(self) -> Tracker:
        context = build_context.context(self.prepared, self.directory, SHARE)
        assert context is not None
        context.save()
        return Tracker(context)


def begin(folder: Path, **changes: object) -> Planted:
    """A new sweep of two episodes in `folder`, with nothing run."""
    if not (folder / "images").exists():
        images(folder / "images")
    dataset = {"name": "folder", "root": str(folder / "images"), "image_size": 32, "shots": 4, "holdout": 0.5}
    settings = {**TINY, "dataset": dataset, "output": str(folder / "runs"), "tracking": None, **changes}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(settings))
    prepared = plan.prepare(load(folder / "sweep.yaml", [], resources.hardware()))
    directory = new_directory(prepared.spec)
    study = run.open_study(directory, prepared.spec)
    run._same_inputs(study, prepared, directory)
    return Planted(prepared, directory, StudySearcher(study, prepared.spec))


def whole_sweep(folder: Path, **changes: object) -> Planted:
    """Trials 0 and 1 complete, 2 pruned, 3 failed; all told to the tracker, if there is one."""
    planted = begin(folder, **changes)
    planted.finish()
    planted.finish()
    planted.finish(pruned=True)
    ray_trial, _ = planted.suggest()
    planted.searcher.fail(ray_trial, "non_finite", "step 3")
    if planted.prepared.spec.tracking.uri is not None:
        tracker = planted.tracker()
        for outcome in outcomes(planted.study, planted.prepared.spec):
            tracker.ended(outcome)
        tracker.finish({"test_auroc": 0.5}, [planted.directory / SPEC])
        assert tracker.close(60) == 0, tracker.problem
    return planted


def copied(planted: Planted, folder: Path) -> Path:
    """The directory of another, equal sweep of the same images, with an MLflow of its own."""
    source = planted.directory.parents[2]
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("images"))
    directory = folder / planted.directory.relative_to(source)
    for name in ("sweep.yaml", "context.json", "tracking.jsonl"):
        if (directory / name).exists():
            text = (directory / name).read_text()
            parts = ("mlflow.db",) if name == "tracking.jsonl" else ("mlflow.db", "runs")  # what was sent stays
            for part in parts:
                text = text.replace(f"{source}/{part}", f"{folder}/{part}")
            (directory / name).write_text(resealed(name, text))
    copy = load_study(directory)
    assert copy is not None
    copy.set_user_attr("spec", (directory / "sweep.yaml").read_text())
    attributes = {name: value for name, value in copy.user_attrs.items() if name != ATTRIBUTES}
    copy.set_user_attr(ATTRIBUTES, of_attributes(attributes, 0))
    return directory


def resealed(name: str, text: str) -> str:
    """A file of a sweep's directory, changed, with the checksums that it has when it is written like this."""
    if name.endswith(".jsonl"):
        entries = [json.loads(line) for line in text.splitlines()]
        return "".join(
            sealed(json.dumps({key: value for key, value in entry.items() if key != "sha256"})) + "\n"
            for entry in entries
        )
    if name == "context.json":
        described = {key: value for key, value in json.loads(text).items() if key != "sha256"}
        return json.dumps({**described, "sha256": digest(described)}, indent=1)
    return text
