"""What a report claims of settings: their effects, curves and pairs; each claim beside what is true."""

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.claims import sides
from benchmarks.claims.studies import Planted
from benchmarks.claims.truth import Finding, before_and_after, better, differs, mean_gain, plateau, sign
from tune_runner.designs import complete, fields_of
from tune_runner.space import KINDS
from tune_runner.study.answers import answers
from tune_runner.study.curves import Curve, Point
from tune_runner.study.reference import reference_trial
from tune_runner.study.scored import completed

MATTERS = re.compile(r"a difference is shown for (.*?)\.(?: [A-Z]|$)")
PAIRS = re.compile(r"The effect of (\S+) depends on (\S+):")


def findings(planted: Planted) -> Iterator[Finding]:
    """All that the report of one study claims, and could have claimed."""
    good, matters, again = (" ".join(answer.sentences) for answer in answers(planted.summary))
    yield from _effects(planted, matters)
    for curve in planted.summary.curves:
        yield from _curve(planted, curve)
    yield from _pairs(planted, matters)
    yield from sides.findings(planted, good, again)


def kind_of(setting: str) -> str:
    if "." in setting:
        return "effect of a conditional setting"
    return {"training": "effect of a training setting", "scoring": "effect of a scoring setting"}.get(
        KINDS[setting], "effect of steps"
    )


def _effects(planted: Planted, words: str) -> Iterator[Finding]:
    summary, scenario, spec = planted.summary, planted.world.scenario, planted.prepared.spec
    named = _named_as_mattering(words)
    for effect in summary.effects:
        truth = planted.true(better(scenario, spec, effect.parameter, effect.better, effect.worse))
        yield Finding(kind_of(effect.parameter), effect.parameter, truth, int(effect.shown))
        yield sides.agrees(effect.parameter, int(effect.shown), int(effect.parameter in named))
    for few in summary.too_few:
        truth = planted.true(int(few.parameter in scenario.matters))
        yield Finding(kind_of(few.parameter), few.parameter, truth, 0)


def _named_as_mattering(words: str) -> set[str]:
    """The settings that the sentences say matter: each is followed by a comma and its levels."""
    told = MATTERS.search(words)
    return {named.partition(",")[0] for named in told[1].split("; ")} if told else set()


def _curve(planted: Planted, curve: Curve) -> Iterator[Finding]:
    points = [point for point in curve.points if not point.note]
    gains = [_gain_at(planted, curve, point.value) for point in points]
    values = [point.value for point in points]
    centre = gains[values.index(curve.centre)]
    for point, gain in zip(points, gains, strict=True):
        if point.value != curve.centre:
            yield _point(planted, curve, point, sign(gain - centre))
    for point in curve.points:
        if point.note:  # a network before fine-tuning
            scenario, spec = planted.world.scenario, planted.prepared.spec
            yield _point(planted, curve, point, before_and_after(scenario, spec, point.note.split()[0], curve.centre))
    gains = [gain if planted.world.cell.effect else 0.0 for gain in gains]
    yield from plateau(values, [point.auroc for point in points], gains, curve.plateau)


def _point(planted: Planted, curve: Curve, point: Point, truth: int) -> Finding:
    kind = "network before fine-tuning on a curve" if point.note else "point of a curve"
    claim = sign(point.difference) if point.shown else 0
    return Finding(kind, f"{curve.parameter} {point.value}", planted.true(truth), claim)


def _gain_at(planted: Planted, curve: Curve, value: Any) -> float:
    """At the reference but for this value, where each value is a configuration; else the mean over the space."""
    scenario, spec = planted.world.scenario, planted.prepared.spec
    if curve.unit == "trainings":
        name = curve.parameter
        return mean_gain(scenario, spec, name, value) if differs(scenario, name) else 0.0
    reference = reference_trial(spec, completed(planted.study))
    assert reference is not None
    row = reference.user_attrs["best_row"]
    prefix, _, name = curve.parameter.rpartition(".")
    made = {"negative_augmentation": prefix} if prefix else {}
    at = complete(spec.space, {**spec.search.reference, **made, name: value}, {})
    config = spec.config(fields_of(spec.space, at))
    scoring = next(each for each in config.scorings if all(row[name] == got for name, got in vars(each).items()))
    return scenario.gain(config.training, row["steps"], scoring)


def _pairs(planted: Planted, words: str) -> Iterator[Finding]:
    scenario, summary = planted.world.scenario, planted.summary
    claimed = {frozenset({pair.first, pair.second}) for pair in summary.interactions}
    true = scenario.pairs if planted.world.cell.effect else frozenset()
    for pair in claimed | {scenario.shown}:
        truth = int(pair in true)
        yield Finding("pair of settings", "" if pair is None else " ".join(sorted(pair)), truth, int(pair in claimed))
    named = {frozenset(told) for told in PAIRS.findall(words)}
    yield sides.agrees("pairs", len(claimed), len(claimed & named) if named <= claimed else -1)
