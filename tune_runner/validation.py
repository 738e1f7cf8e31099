"""The best configuration and the reference again, on support sets that no trial has seen.

What a search finds best is the luckiest of many, so its AUROC is repeated here on fresh draws: a sweep of its own, in a
folder of the first one, with the episodes that follow the first one's. It runs the reference, the best, and, if asked
for, every configuration between them, in which one setting after the other changes.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from tune_runner import plan
from tune_runner.designs import between, fields_of, points
from tune_runner.plan import Prepared
from tune_runner.spec import SweepSpec
from tune_runner.spec_model import Search, Validation

FOLDER = "validation"
_NAME = 100  # characters that a sweep's name may have


def folder(directory: Path, best: int, asked: Validation) -> Path:
    """Of the validation of trial `best`. A sweep that goes on may find another best, which has its own."""
    return directory / FOLDER / f"trial-{best:04d}-episodes-{asked.episodes}{'-path' if asked.path else ''}"


def folders(directory: Path, best: int) -> list[Path]:
    """All validations of trial `best`."""
    return sorted((directory / FOLDER).glob(f"trial-{best:04d}-*/"))


def specification(spec: SweepSpec, best: FrozenTrial, wall_time: float | None) -> SweepSpec:
    """The sweep that validates `best`. wall_time: seconds that are left for it."""
    found = fields_of(spec.space, best.params)
    path = between(spec.space, spec.search.reference, found)[:-1] if spec.validation.path else []
    configurations: list[Any] = [{}, found, *(fields_of(spec.space, point) for _, point in path)]
    search = Search(sampler="listed", reference=spec.search.reference, configurations=configurations)
    return replace(
        spec,
        name=f"{spec.name[: _NAME - len(FOLDER) - 1]}_{FOLDER}",
        search=search,
        first_episode=spec.first_episode + spec.episodes,
        episodes=spec.validation.episodes,
        budget=replace(spec.budget, trials=len(points(spec.space, search)), wall_time=wall_time),
        validation=Validation(),
    )


def prepare(prepared: Prepared, spec: SweepSpec) -> Prepared:
    """The same images and weights with the episodes of `spec`."""
    return replace(prepared, spec=spec, episodes=plan.episodes(spec, prepared.image_set))
