"""The reference that a sweep began with, where the paper is read otherwise by now.

A sweep.yaml names every field that was fixed, but a reference holds what the user named, and the rest follows from the
defaults of `FineTuning`. Where such a default changes, a sweep that searched the field still has its first
configuration, which was made from the old one.
"""

from dataclasses import replace

import optuna

from tune_runner.designs import key, points
from tune_runner.space import walk
from tune_runner.spec import SweepSpec
from tune_runner.yaml_lines import Scalar

FORMER: dict[str, str] = {"batch_norm": "frozen"}
"""Defaults of earlier versions."""


def as_begun(spec: SweepSpec, study: optuna.Study) -> SweepSpec:
    """`spec` with a reference that names what it was, if the study began with one of an earlier version.

    A grid is the same whatever the reference, and is held against today's.
    """
    trials = study.get_trials(deepcopy=False)
    searched = {name for _, name, _ in walk(spec.space.parameters)}
    named = spec.search.reference
    former = {name: value for name, value in FORMER.items() if name in searched and name not in named}
    if not former or not trials or spec.search.sampler == "grid":
        return spec
    begun = replace(spec, search=replace(spec.search, reference={**named, **former}))
    first, today, then = (key(each) for each in (trials[0].params, _first(spec), _first(begun)))
    return begun if first == then != today else spec


def _first(spec: SweepSpec) -> dict[str, Scalar]:
    return points(spec.space, spec.search)[0]
