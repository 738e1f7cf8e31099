"""What is true of a planted study: of the levels of a setting, of one configuration against another."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import numpy as np

from benchmarks.claims.scenarios import Scenario
from coftad.types import Backbone, FineTuning, Scoring
from tune_runner import plan
from tune_runner.records import EpisodeRecord
from tune_runner.spec import SweepSpec

_SAMPLE = 400  # configurations of a space, for the mean gain of a level
_ROUNDING = 1e-9
_SIZABLE = 0.1  # of a gain: the mean over a level is over drawn configurations


@dataclass(frozen=True)
class Finding:
    """One thing that a report could have claimed. sentence: of which kind. truth, claim: the sign of the difference,
    as planted and as the report has it; 0 is none, and none shown."""

    sentence: str
    subject: str
    truth: int
    claim: int

    @property
    def false(self) -> bool:
        return self.claim not in (0, self.truth)

    @property
    def found(self) -> bool:
        return self.claim == self.truth != 0


def sign(value: float, tolerance: float = _ROUNDING) -> int:
    """-1, 0 or 1."""
    return 0 if abs(value) <= tolerance else 1 if value > 0 else -1


def gain_of(scenario: Scenario, record: EpisodeRecord, row: int) -> float:
    """Of one row of a recorded training."""
    return scenario.gain(record.training, record.rows[row].steps, record.rows[row].scoring)


def differs(scenario: Scenario, setting: str) -> bool:
    return setting in scenario.matters


def better(scenario: Scenario, spec: SweepSpec, setting: str, one: object, other: object) -> int:
    """The sign of the mean gain at level `one` of a setting minus that at `other`, as reports name levels."""
    if not differs(scenario, setting):
        return 0
    gains = [mean_gain(scenario, spec, setting, level) for level in (one, other)]
    return sign(gains[0] - gains[1], _SIZABLE)


def mean_gain(scenario: Scenario, spec: SweepSpec, setting: str, level: object) -> float:
    """Over the space, of fine-tuned rows unless the setting is of the rows itself."""
    within = within_level(level)
    gains = [gain for settings, gain in _sample(scenario, spec) if setting in settings and within(settings[setting])]
    if not gains:
        raise ValueError(f"{scenario.name}: no configuration has {setting} at {level!r}")
    return float(np.mean(gains))


def before_and_after(scenario: Scenario, spec: SweepSpec, backbone: str, steps: int) -> int:
    """The sign of the gain of a backbone's network before fine-tuning minus the mean gain after so many steps."""
    if not differs(scenario, "steps"):
        return 0
    gains = [
        [gain for settings, gain in _sample(scenario, spec) if settings["steps"] == point and _has(settings, backbone)]
        for point in (0, steps)
    ]
    return sign(float(np.mean(gains[0]) - np.mean(gains[1])), _SIZABLE)


def _has(settings: dict[str, Any], backbone: str) -> bool:
    """backbone: one of the space, or any other text where there is one only."""
    return settings["backbone"] == backbone or backbone not in get_args(Backbone)


_samples: dict[str, list[tuple[dict[str, Any], float]]] = {}


def _sample(scenario: Scenario, spec: SweepSpec) -> list[tuple[dict[str, Any], float]]:
    """(settings by the names that reports have, gain) of rows of drawn configurations."""
    if scenario.name not in _samples:
        _samples[scenario.name] = [
            (_named(config.training, steps, scoring), scenario.gain(config.training, steps, scoring))
            for config in plan.sample_configs(spec, _SAMPLE)
            for steps in config.points
            for scoring in config.scorings
        ]
    return _samples[scenario.name]


def _named(training: FineTuning, steps: int, scoring: Scoring) -> dict[str, Any]:
    """Training settings only where there is a training; one under a choice with its prefix, too."""
    found: dict[str, Any] = {**vars(scoring), "steps": steps}
    if steps:
        found |= vars(training)
        found[f"{training.negative_augmentation}.lambda_np"] = training.lambda_np
    else:
        found["backbone"] = training.backbone
    return found


@cache
def within_level(level: object) -> Callable[[Any], bool]:
    """Whether a value belongs to a level: a value, its text, or a part of a range such as `<= 0.4`, `0.4 to 0.8`,
    `> 0.8`."""
    text = str(level)
    if match := re.fullmatch(r"(<=|>) (\S+)", text):
        bound = float(match[2])
        return (lambda value: value <= bound) if match[1] == "<=" else (lambda value: value > bound)
    if match := re.fullmatch(r"(\S+) to (\S+)", text):
        low, high = float(match[1]), float(match[2])
        return lambda value: low < value <= high
    return lambda value: _same(value, text)


def _same(value: Any, text: str) -> bool:
    if isinstance(value, float):
        try:
            return float(text) == float(f"{value:.3g}")
        except ValueError:
            return False
    return str(value) == text


def plateau(
    values: Sequence[Any], aurocs: Iterable[float], gains: Sequence[float], kept: Iterable[Any]
) -> list[Finding]:
    """Of every value that a plateau leaves out: whether it is worse than the one with the highest AUROC."""
    best = int(np.argmax(list(aurocs)))
    there = set(kept)
    return [
        Finding("plateau leaves a value out", str(value), sign(gain - gains[best]), 0 if value in there else -1)
        for value, gain in zip(values, gains, strict=True)
        if value != values[best]
    ]
