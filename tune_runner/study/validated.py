"""Best against reference: on the sweep's own support sets, and, where it was validated, on ones that no trial has seen.

Both are told on `test`. The path from the one to the other says which of the changed settings made the difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from tune_runner import validation
from tune_runner.as_begun import as_begun
from tune_runner.designs import between, complete, fields_of, key
from tune_runner.plan import Prepared
from tune_runner.reconcile import load_study
from tune_runner.records import Records
from tune_runner.spec import load
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.reference import called, reference_row, reference_trial
from tune_runner.study.scored import completed, rows
from tune_runner.study.untrained import against_untrained
from tune_runner.study.versus import Side, Versus, corrected, versus
from tune_runner.study.words import text

BEST = "the best settings"


@dataclass(frozen=True)
class Validated:
    """On `episodes` fresh support sets. steps: from the reference to the best, each configuration against the one
    before it, corrected for their number; empty where the path was not run. fine_tuning: the best against its own
    network before fine-tuning, where that was scored."""

    episodes: int
    best: Versus
    steps: tuple[Versus, ...]
    fine_tuning: Versus | None = None


def against_reference(
    prepared: Prepared,
    trials: Sequence[FrozenTrial],
    best: FrozenTrial,
    records: Records,
    noise: EpisodeNoise,
    candidates: int,
) -> Versus | None:
    """On the sweep's own episodes; None if the reference was not run, or is the best. The best was chosen among so many
    candidates on these support sets, for which p-value and interval allow; the difference leans towards large."""
    reference = reference_trial(prepared.spec, trials)
    if reference is None:
        return None
    named = prepared.spec.search.reference
    sides = _side(BEST, best, records, named, best), _side(called(prepared.spec), reference, records, named)
    if (best.number, sides[0].row) == (reference.number, sides[1].row):
        return None
    return versus(prepared, records, *sides, noise, family=candidates)


def fine_tuning(
    prepared: Prepared,
    trials: Sequence[FrozenTrial],
    best: FrozenTrial,
    records: Records,
    noise: EpisodeNoise,
    candidates: int,
) -> tuple[Versus, ...]:
    """The reference and the best, each against its own network before fine-tuning, where that was scored; corrected for
    the candidates that the best was chosen from, and for each other."""
    reference, named = reference_trial(prepared.spec, trials), prepared.spec.search.reference
    sides = [(_side(BEST, best, records, named, best), candidates)]
    if reference is not None:
        side = _side(called(prepared.spec), reference, records, named)
        if (reference.number, side.row) != (best.number, sides[0][0].row):
            sides.insert(0, (side, 1))
    against = [against_untrained(prepared, records, side, noise, family=len(sides) * family) for side, family in sides]
    return tuple(one for one in against if one is not None)


def validated(prepared: Prepared, best: FrozenTrial, directory: Path, noise: EpisodeNoise) -> Validated | None:
    """What the validation of `best` with the most episodes found; None if there was none that finished. noise: of the
    sweep's support sets."""
    found = [_read(prepared, best, folder, noise) for folder in validation.folders(directory, best.number)]
    return max((each for each in found if each), key=lambda each: (each.episodes, len(each.steps)), default=None)


def _read(prepared: Prepared, best: FrozenTrial, folder: Path, noise: EpisodeNoise) -> Validated | None:
    study = load_study(folder)
    if study is None:
        return None
    spec = as_begun(load(folder / "sweep.yaml", ["tracking.uri=null"]), study)
    again, records = validation.prepare(prepared, spec), Records(folder)
    trials = {key(trial.params): trial for trial in completed(study)}
    fields = fields_of(spec.space, best.params)

    def side(name: str, point: dict[str, object], *, own_row: bool = False) -> Side | None:
        trial = trials.get(key(point))
        return (
            _side(name, trial, records, spec.search.reference, best if own_row else None) if trial is not None else None
        )

    end = complete(spec.space, fields, {})
    there = side(BEST, end, own_row=True)
    here = side(called(spec), complete(spec.space, spec.search.reference, {}))
    if there is None or here is None:
        return None
    path = [side(name, point) for name, point in between(spec.space, spec.search.reference, fields)]
    steps: tuple[Versus, ...] = ()
    if all(path):
        sides = [here, *(each for each in path if each is not None)]
        if there.row != sides[-1].row:
            sides.append(Side(_scored(there, sides[-1].row), there.episodes, there.row))
        steps = corrected([versus(again, records, one, other, noise) for other, one in pairwise(sides)])
    before = against_untrained(again, records, there, noise)
    return Validated(spec.episodes, versus(again, records, there, here, noise), steps, before)


def _side(
    name: str, trial: FrozenTrial, records: Records, named: Mapping[str, Any], like: FrozenTrial | None = None
) -> Side:
    """At the row at which `like` was best, else at the reference's."""
    episodes = records.of(trial.number)
    found = rows(episodes[0]) if episodes else []
    row = found.index(like.user_attrs["best_row"]) if like is not None else reference_row(found, named) if found else 0
    return Side(name, episodes, row)


def _scored(side: Side, reference: int) -> str:
    """In which scoring values and at which step a row differs from the reference's."""
    found = rows(side.episodes[0])
    changed = {name: value for name, value in found[side.row].items() if value != found[reference][name]}
    return ", ".join(f"{name} = {text(value)}" for name, value in changed.items())
