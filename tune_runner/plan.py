"""What will run and what it will cost, known before anything trains.

`prepare` opens everything a sweep needs, so that every mistake in data and weights shows now; `estimate` measures one
training step and one forward pass of each kind of trial on this machine and adds up.
"""

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import optuna
import torch
from rich.console import Console
from rich.table import Table

from coftad.datasets import protocol
from coftad.devices import pick, repeatable
from coftad.embeddings import BATCH, embed
from coftad.finetune import Trainer
from coftad.trial import TrialConfig
from coftad.types import Backbone, Episode, ImageSet
from coftad.weights import Weights, resolve
from tune_runner import designs
from tune_runner.parameters import Choice
from tune_runner.space import Space, describe, optuna_fields, scratch, size, walk
from tune_runner.spec import SweepSpec

# Configurations drawn from the space to estimate the mean cost of one; their mix matters more than their number.
_SAMPLES = 200
_QUICK = {"gaussian", "knn"}  # scorers whose fit takes no time beside the embedding
_STARTUP = 25.0  # seconds for Ray and the first imports in workers, measured on two laptop cores


@dataclass(frozen=True, eq=False)
class Prepared:
    """A sweep whose inputs have been opened and checked."""

    spec: SweepSpec
    image_set: ImageSet
    episodes: tuple[Episode, ...]
    weights: Mapping[Backbone, Weights]

    @property
    def weight_digests(self) -> dict[str, str]:
        """SHA-256 (hex) by backbone; `random` where there are no weights."""
        return {name: found.sha256 or "random" for name, found in self.weights.items()}

    @property
    def banner(self) -> str:
        """The warning that every report carries where weights were wanted and not found; empty otherwise."""
        asked = {name: self.spec.trainer.weights_of(name) for name in self.weights}
        random = [name for name, found in self.weights.items() if found.kind == "random" and asked[name] == "auto"]
        if not random:
            return ""
        return f"NO PRETRAINED WEIGHTS for {', '.join(random)}: started from random ones. Results are not the method's."


@dataclass(frozen=True)
class Estimate:
    """Seconds. per_trial: of one worker; total: with `concurrent` workers and start-up."""

    per_trial: float
    total: float
    concurrent: int


def backbones(space: Space, fixed: Mapping[str, object]) -> tuple[Backbone, ...]:
    """All backbones that a trial can have."""
    found: list[Backbone] = []
    for _, name, parameter in walk(space.parameters):
        if name == "backbone" and isinstance(parameter, Choice):
            found += list(parameter.values)  # type: ignore[arg-type]
    if not found:
        found.append(fixed["backbone"])  # type: ignore[arg-type]
    return tuple(dict.fromkeys(found))


def prepare(spec: SweepSpec) -> Prepared:
    """Load weights and images, draw the episodes. Raises InputError with what is wrong."""
    found = weights(spec)
    return Prepared(spec, *data(spec), found)


def weights(spec: SweepSpec) -> dict[Backbone, Weights]:
    """What each backbone of the sweep starts from. Raises InputError."""
    found: dict[Backbone, Weights] = {}
    for name in backbones(spec.space, spec.trainer_values):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # said once for all backbones, by `banner`
            found[name] = resolve(spec.trainer.weights_of(name), name)
    return found


def data(spec: SweepSpec) -> tuple[ImageSet, tuple[Episode, ...]]:
    """All images, and the sweep's episodes of them. Raises InputError."""
    image_set = spec.dataset.load()
    protocol.check(image_set, spec.dataset.protocol)
    return image_set, episodes(spec, image_set)


def episodes(spec: SweepSpec, image_set: ImageSet) -> tuple[Episode, ...]:
    """Those that every configuration of the sweep is run on, drawn from its images."""
    return tuple(
        protocol.episode(image_set, spec.dataset.protocol, seed=spec.seed, index=index)
        for index in range(spec.first_episode, spec.first_episode + spec.episodes)
    )


def sample_configs(spec: SweepSpec, count: int = _SAMPLES) -> list[TrialConfig]:
    """Configurations as a random search would draw them, from a study that is thrown away."""
    study = scratch(optuna.samplers.RandomSampler(seed=0))
    return [spec.config(spec.suggest(study.ask())) for _ in range(count)]


def planned(spec: SweepSpec) -> int:
    """How many trials will run: a design may have fewer than the budget allows."""
    return spec.budget.trials if (whole := design_size(spec)) is None else min(spec.budget.trials, whole)


def design_size(spec: SweepSpec) -> int | None:
    """The configurations of a design; None for a sampler that draws."""
    if spec.search.sampler not in designs.DESIGNS:
        return None
    return len(designs.points(spec.space, spec.search))


def validated(spec: SweepSpec) -> int:
    """At most how many configurations the validation of the best one runs: with the path, one for every setting in
    which it may differ from the reference."""
    if spec.validation.episodes == 0:
        return 0
    return 2 + (max(0, len(optuna_fields(spec.space)) - 1) if spec.validation.path else 0)


def left_out(spec: SweepSpec) -> str:
    """What to say where the budget cuts a design short; empty otherwise."""
    whole = design_size(spec)
    if whole is None or whole <= spec.budget.trials:
        return ""
    return f"budget.trials: {spec.budget.trials} is less than the {whole} configurations of {spec.search.sampler}"


def estimate(prepared: Prepared, *, concurrent: int, threads: int, device: str) -> Estimate:
    """Measure, then add up. Left out is the start-up of trials, which is short, and fitting scorers, which `show` says
    where it is not."""
    spec, episode = prepared.spec, prepared.episodes[0]
    measured: dict[object, tuple[float, float]] = {}
    costs = []
    for config in sample_configs(spec):
        training = config.training
        key = (training.backbone, training.negative_augmentation, training.symmetric, training.batch_size)
        if key not in measured:
            measured[key] = _measure(prepared, config, threads, device)
        step, image = measured[key]
        images = len(episode.scored_rows) + max(scoring.n_a for scoring in config.scorings) * len(episode.train_rows)
        costs.append(spec.episodes * (max(config.points) * step + len(config.points) * images * image))
    per_trial = float(np.mean(costs))
    waves = math.ceil(planned(spec) / concurrent)
    again = math.ceil(validated(spec) / concurrent) * per_trial * spec.validation.episodes / spec.episodes
    return Estimate(per_trial, waves * per_trial + again + _STARTUP, concurrent)


def _measure(prepared: Prepared, config: TrialConfig, threads: int, device: str) -> tuple[float, float]:
    """Seconds of one training step and of embedding one image."""
    training = config.training
    with repeatable(threads):
        trainer = Trainer(
            prepared.episodes[0].train,
            training,
            prepared.weights[training.backbone].state,
            seed=0,
            device=pick(device),
        )
        trainer.step()  # the first step allocates
        step = _seconds(trainer.step)
        images = prepared.image_set.images[:BATCH]

        def forward() -> None:
            embed(trainer.networks.f, images, normalisation=training.normalisation, device=pick(device))

        return step, _seconds(forward) / len(images)


def _seconds(call: object) -> float:
    start = time.perf_counter()
    call()  # type: ignore[operator]
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def duration(seconds: float) -> str:
    """`1h 02m`, `3m 20s`, `12s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 60}m {whole % 60:02d}s" if whole >= 60 else f"{whole}s"


def warnings_of(prepared: Prepared) -> list[str]:
    """What is odd about the images and was not refused."""
    provenance = prepared.image_set.provenance
    lines = [f"not read: {provenance['ignored']}"] if "ignored" in provenance else []
    if "copies" in provenance:
        lines.append(str(provenance["copies"]))
        if leaked := sum(map(_leaked, prepared.episodes)):
            lines.append(f"{leaked} times an image that is scored has the pixels of one in the support set")
    return lines


def _leaked(episode: Episode) -> int:
    support = {image.tobytes() for image in episode.train}
    return sum(episode.pool.images[row].tobytes() in support for row in episode.scored_rows)


def show(prepared: Prepared, cost: Estimate, console: Console, folder: str = "") -> None:
    """The plan for people. folder: where it writes, if that is not the usual place."""
    spec, episode = prepared.spec, prepared.episodes[0]
    labels = episode.pool.labels
    console.print(f"[bold]{spec.name}[/bold]  profile {spec.profile}, seed {spec.seed}")
    if prepared.banner:
        console.print(f"[bold red]{prepared.banner}[/bold red]")
    parts = {
        "support": episode.train_rows,
        "search": episode.search_rows,
        "test" + (" (= search)" if episode.shared else ""): episode.test_rows,
    }
    told = ", ".join(
        f"{name} {np.count_nonzero(labels[rows] == 0)} normal + {np.count_nonzero(labels[rows])} anomalous"
        for name, rows in parts.items()
    )
    console.print(
        f"data      {prepared.image_set.name}, {len(prepared.image_set)} images of {spec.dataset.image_size} px, "
        f"digest {prepared.image_set.digest[:12]}; per episode: {told}"
    )
    if partial := prepared.image_set.provenance.get("partial"):
        console.print(f"          a part of the set: {partial}", style="yellow", markup=False, soft_wrap=True)
    for line in warnings_of(prepared):
        console.print(f"          {line}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    for name, found in prepared.weights.items():
        console.print(f"weights   {name}: {found.kind} ({found.origin})", soft_wrap=True)
    table = Table(title="space", title_justify="left")
    for column in ("parameter", "kind", "values"):
        table.add_column(column)
    for parameter, kind, text in describe(spec.space):
        table.add_row(parameter, kind, text)
    console.print(table)
    configs = sample_configs(spec, 20)
    rows = [len(config.points) * len(config.scorings) for config in configs]
    count = size(spec.space)
    console.print(
        f"runs      {planned(spec)} trials by {spec.search.sampler}"
        f"{'' if count is None else f' of {count} possible'}, {spec.episodes} episodes each, "
        f"scored in {min(rows)}{f'-{max(rows)}' if max(rows) > min(rows) else ''} rows a trial"
    )
    if cut := left_out(spec):
        console.print(f"[bold yellow]          {cut}[/bold yellow]")
    if count := validated(spec):
        console.print(
            f"then      the best and the reference{', and what is between them,' if spec.validation.path else ''} "
            f"on {spec.validation.episodes} support sets that no trial has seen: {count} configurations or fewer"
        )
    limit = spec.budget.wall_time
    console.print(
        f"cost      about {duration(cost.per_trial)} a trial, {cost.concurrent} at once: {duration(cost.total)} in all "
        f"(measured here){'' if limit is None else f'; the budget ends it after {duration(limit)}'}"
    )
    if slow := sorted({each.scorer for config in configs for each in config.scorings} - _QUICK):
        console.print(f"          not counted: the fits of {', '.join(slow)}")
    folder = folder or f"{spec.output}/{spec.name}/..."
    console.print(f"writes    {folder}, MLflow {spec.tracking.redacted()}", soft_wrap=True)


__all__ = ["Estimate", "Prepared", "duration", "estimate", "prepare", "sample_configs", "show"]
