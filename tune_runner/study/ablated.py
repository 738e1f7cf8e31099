"""What each term of the method adds: the report of a sweep with `sampler: ablation`, as Table VI.

Every configuration is scored as the reference is, so nothing is chosen and `test` may tell. The first comes from the
network before any fine-tuning, which is a row of each training; the last, where it was scored, leaves the L2
normalisation out.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from optuna.trial import FrozenTrial

from tune_runner.designs import ablation, key
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.reference import reference_row
from tune_runner.study.scored import rows
from tune_runner.study.versus import Side, Versus, corrected, versus

PRETRAINED = "pretrained only"
WITHOUT_NORM = "without L2 norm"


def steps(
    prepared: Prepared, trials: Sequence[FrozenTrial], records: Records, noise: EpisodeNoise
) -> tuple[Versus, ...]:
    """Each configuration against the one before it, corrected for their number; the last one against the reference.
    Empty unless the sweep was an ablation of which two configurations or more are complete. noise: of the support sets,
    on test."""
    sides = path(prepared, trials, records)
    if not sides:
        return ()
    pairs = [(one, other) for other, one in pairwise(sides)]
    if without := _variant(WITHOUT_NORM, sides[-1], l2_norm=False):
        pairs.append((without, sides[-1]))
    return corrected([versus(prepared, records, one, other, noise) for one, other in pairs])


def path(prepared: Prepared, trials: Sequence[FrozenTrial], records: Records) -> list[Side]:
    """The pretrained network, where the trajectories were scored at 0 steps, and each configuration that is complete.
    Empty unless the sweep was an ablation."""
    spec = prepared.spec
    if spec.search.sampler != "ablation":
        return []
    by_point = {key(trial.params): trial for trial in trials}
    design = ablation(spec.space, spec.search.reference, spec.search.target)
    found = [(name, by_point[key(point)]) for name, point in design if key(point) in by_point]
    sides = [_side(name, trial, records, spec.search.reference) for name, trial in found]
    before = _variant(PRETRAINED, sides[0], steps=0) if sides else None
    return [*([before] if before else []), *sides]


def _side(name: str, trial: FrozenTrial, records: Records, named: Mapping[str, Any]) -> Side:
    episodes = records.of(trial.number)
    return Side(name, episodes, reference_row(rows(episodes[0]), named))


def _variant(name: str, side: Side, **change: Any) -> Side | None:
    """The same training in the row that differs from its own in `change` only; None if it has none or is that row."""
    found = rows(side.episodes[0])
    wanted = {**found[side.row], **change}
    return Side(name, side.episodes, found.index(wanted)) if wanted in found and wanted != found[side.row] else None
