"""One setting that is good on every data set, and what the paper's costs on each.

Sweeps with the same space, seed and a sampler that does not look at results have the same configurations, so that one
can be picked that is good in all: the one that loses least on `search` in the mean over sweeps, against each sweep's
own best. What it loses is then measured on `test`, on which neither was chosen.

A loss is paired: both sides have the same episodes and images. Its interval allows for the rows that a sweep's own best
was chosen from. Sweeps are independent of each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from coftad.types import FineTuning
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.reopening import reopen
from tune_runner.study import evidence
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.evidence import Component, Estimate
from tune_runner.study.reference import departures, papers_training, reference_row, reference_trial
from tune_runner.study.scored import MEASURED, Measured, completed, measured
from tune_runner.study.trainings import trainings
from tune_runner.study.versus import FEWEST_EPISODES, difference, noise_on_test

FEWEST_COMMON = 5  # trainings; the best of fewer is hardly a choice

Row = tuple[tuple[str, Any], ...]
"""(name, value) of steps and of the scoring values."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """trained: the complete trial of each training, at least one."""

    prepared: Prepared
    records: Records
    trained: Mapping[FineTuning, FrozenTrial]

    @cached_property
    def noise(self) -> EpisodeNoise:
        """Of its support sets, on test."""
        return noise_on_test(self.prepared, self.records, trainings(list(self.trained.values()), self.records))

    @property
    def best(self) -> tuple[FrozenTrial, int]:
        """The trial with the highest search AUROC, of equals the first, and its best row."""
        trial = max(self.trained.values(), key=lambda trial: (max(_aurocs(trial)), -trial.number))
        return trial, int(np.argmax(_aurocs(trial)))

    @property
    def shared(self) -> bool:
        """Whether search and test are one pool."""
        return self.prepared.episodes[0].shared


@dataclass(frozen=True, eq=False)
class Loss:
    """AUROC of a sweep's best minus that of another configuration on `test`. family: the rows that the best was chosen
    from. episodes: support sets that both were measured on, the fewest where this is a mean over sweeps."""

    estimate: Estimate
    family: int
    episodes: int

    @property
    def auroc(self) -> float:
        return self.estimate.difference

    @property
    def interval(self) -> tuple[float, float]:
        return evidence.bounded(self.estimate.interval(self.family))

    @property
    def shown(self) -> bool:
        p = self.estimate.p(self.family) if self.episodes >= FEWEST_EPISODES else None
        return evidence.shown(p, self.interval)


@dataclass(frozen=True)
class Everywhere:
    """The configuration that loses least, of `configurations` that all sweeps have.

    settings: field -> value where these differ. search: its loss in each sweep, by which it was chosen. test: the loss
    that counts.
    """

    configurations: int
    settings: Mapping[str, Any]
    search: tuple[float, ...]
    test: tuple[Loss, ...]


@dataclass(frozen=True)
class Papers:
    """What the reference loses, and the fields in which it could not be the paper's, with its values."""

    loss: Loss
    departures: Mapping[str, Any]


def read(directory: Path, overrides: Sequence[str] = ()) -> Sweep | None:
    """None if no trial is complete. overrides: where images are by now, as `reopen` takes them. Raises InputError if
    the directory is no sweep's, or its images are not there."""
    prepared, study = reopen(directory, "compare", overrides)
    records = Records(directory)
    trained: dict[FineTuning, FrozenTrial] = {}
    for trial in completed(study):
        for record in records.of(trial.number)[:1]:
            trained.setdefault(record.training, trial)
    return Sweep(prepared, records, trained) if trained else None


def common(sweeps: Sequence[Sweep]) -> dict[FineTuning, list[Row]]:
    """What every sweep has: each training, with the rows that it was scored as in all of them."""
    first, *others = sweeps
    found = {}
    for training, trial in first.trained.items():
        if all(training in other.trained for other in others):
            elsewhere = [_rows(other.trained[training]) for other in others]
            if rows := [row for row in _rows(trial) if all(row in there for there in elsewhere)]:
                found[training] = rows
    return found


def everywhere(sweeps: Sequence[Sweep], shared: Mapping[FineTuning, Sequence[Row]]) -> Everywhere:
    """shared: what is `common` to the sweeps, at least one row."""
    configurations = [(training, row) for training, rows in shared.items() for row in rows]
    losses_SC = np.array([_search_losses(sweep, shared) for sweep in sweeps])
    chosen = int(np.lexsort((losses_SC.max(0), losses_SC.mean(0)))[0])
    training, row = configurations[chosen]
    varied = _varied(map(vars, shared)) | _varied(map(dict, {each for _, each in configurations}))
    test = [_loss(sweep, sweep.trained[training], list(_rows(sweep.trained[training])).index(row)) for sweep in sweeps]
    return Everywhere(
        configurations=len(configurations),
        settings={name: value for name, value in {**vars(training), **dict(row)}.items() if name in varied},
        search=tuple(map(float, losses_SC[:, chosen])),
        test=tuple(test),
    )


def papers(sweep: Sweep) -> Papers | None:
    """None if the reference has no complete trial."""
    trial = reference_trial(sweep.prepared.spec, sweep.trained.values())
    if trial is None:
        return None
    row = reference_row(trial.user_attrs["rows"], sweep.prepared.spec.search.reference)
    record = sweep.records.of(trial.number)[0]
    paper = papers_training(sweep.prepared.spec)
    return Papers(_loss(sweep, trial, row), departures(record.training, record.rows[row].scoring, paper))


def mean(losses: Sequence[Loss]) -> Loss:
    """Over these data sets."""
    count = len(losses)
    sources = [Component(loss.estimate.variance / count**2, loss.estimate.freedom) for loss in losses]
    estimate = Estimate.of(float(np.mean([loss.auroc for loss in losses])), sources)
    return Loss(estimate, max(loss.family for loss in losses), min(loss.episodes for loss in losses))


def _rows(trial: FrozenTrial) -> dict[Row, float]:
    """Mean search AUROC of each, in the order of the records."""
    return {
        tuple((name, value) for name, value in row.items() if name not in MEASURED): row["auroc"]
        for row in trial.user_attrs["rows"]
    }


def _aurocs(trial: FrozenTrial) -> list[float]:
    return [row["auroc"] for row in trial.user_attrs["rows"]]


def _search_losses(sweep: Sweep, shared: Mapping[FineTuning, Sequence[Row]]) -> list[float]:
    best, row = sweep.best
    top = _aurocs(best)[row]
    found = []
    for training, rows in shared.items():
        aurocs = _rows(sweep.trained[training])
        found += [top - aurocs[row] for row in rows]
    return found


def _varied(described: Iterable[Mapping[str, Any]]) -> set[str]:
    """The names that have several values."""
    values: dict[str, set[Any]] = defaultdict(set)
    for each in described:
        for name, value in each.items():
            values[name].add(value)
    return {name for name, taken in values.items() if len(taken) > 1}


def _loss(sweep: Sweep, trial: FrozenTrial, row: int) -> Loss:
    best, other = _measured(sweep, *sweep.best), _measured(sweep, trial, row)
    family = sum(len(_aurocs(one)) for one in sweep.trained.values())
    return Loss(difference(best, other, sweep.noise), family, len(best.aurocs))


def _measured(sweep: Sweep, trial: FrozenTrial, row: int) -> Measured:
    return measured(sweep.prepared, sweep.records, sweep.records.of(trial.number), row, "test_rows")
