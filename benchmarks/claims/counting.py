"""From what single studies claimed to rates with intervals."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.table import Table
from scipy.stats import binomtest

from benchmarks.claims.scenarios import Cell
from benchmarks.claims.truth import Finding

AIM = 0.05  # of studies with a false claim of one kind, at most


@dataclass(frozen=True)
class Rate:
    """Of one kind of sentence in one cell.

    false: the share of studies with a false claim of this kind, of those in which it could be made. power: the share in
    which a true one was made, of those in which there was one to make. low, high: Clopper and Pearson's 95 % interval.
    claims: how many were made, right or wrong. effect: in points.
    """

    sentence: str
    scenario: str
    trials: int
    episodes: int
    noise: int
    effect: int
    kind: Literal["false", "power"]
    rate: float
    low: float
    high: float
    studies: int
    claims: int

    @property
    def cell(self) -> Cell:
        return Cell(self.trials, self.episodes, self.noise, self.effect)

    @property
    def above(self) -> bool:
        """Whether claims are false too often, for sure."""
        return self.kind == "false" and self.low > AIM


def rates(scenario: str, cell: Cell, studies: Iterable[Sequence[Finding]]) -> list[Rate]:
    """Two of each kind of sentence, by its name; one where nothing could be false, or true."""
    by_sentence: dict[str, list[list[Finding]]] = defaultdict(list)
    for findings in studies:
        for sentence in {finding.sentence for finding in findings}:
            by_sentence[sentence].append([finding for finding in findings if finding.sentence == sentence])
    found = []
    for sentence, each in sorted(by_sentence.items()):
        claims = sum(finding.claim != 0 for findings in each for finding in findings)
        common: dict[str, Any] = {"sentence": sentence, "scenario": scenario, **asdict(cell), "claims": claims}
        wrong = [any(finding.false for finding in findings) for findings in each]
        found.append(Rate(**common, kind="false", studies=len(wrong), **_interval(wrong)))
        true = [findings for findings in each if any(finding.truth for finding in findings)]
        if true:
            right = [any(finding.found for finding in findings) for findings in true]
            found.append(Rate(**common, kind="power", studies=len(right), **_interval(right)))
    return found


def _interval(happened: Sequence[bool]) -> dict[str, Any]:
    between = binomtest(sum(happened), len(happened)).proportion_ci(method="exact")
    return {"rate": sum(happened) / len(happened), "low": float(between.low), "high": float(between.high)}


def tables(found: Sequence[Rate]) -> list[Table]:
    """What is false, the worst cell of each sentence and scenario; and power, by effect."""
    false = Table(title="false claims, % of studies: mean over cells, and the worst cell with its 95 % interval")
    for column in ("sentence", "scenario", "cells", "mean", "worst", "trials", "episodes", "noise", "effect", "above"):
        false.add_column(column)
    for (sentence, scenario), each in _grouped(found, "false"):
        worst = max(each, key=lambda rate: (rate.low, rate.rate))
        mean = sum(rate.rate * rate.studies for rate in each) / sum(rate.studies for rate in each)
        above = sum(rate.above for rate in each)
        false.add_row(
            sentence, scenario, str(len(each)), f"{100 * mean:.1f}", _told(worst), *_cell(worst), str(above or "")
        )
    power = Table(title="power, % of studies in which what is true was shown: best and worst cell of each effect")
    for column in ("sentence", "scenario", "effect", "best", "worst"):
        power.add_column(column)
    for (sentence, scenario), each in _grouped(found, "power"):
        for effect in sorted({rate.effect for rate in each}):
            these = sorted((rate for rate in each if rate.effect == effect), key=lambda rate: rate.rate)
            power.add_row(sentence, scenario, str(effect), *(_where(rate) for rate in (these[-1], these[0])))
    return [false, power]


def _grouped(found: Sequence[Rate], kind: str) -> list[tuple[tuple[str, str], list[Rate]]]:
    groups: dict[tuple[str, str], list[Rate]] = defaultdict(list)
    for rate in found:
        if rate.kind == kind:
            groups[rate.sentence, rate.scenario].append(rate)
    return sorted(groups.items())


def _told(rate: Rate) -> str:
    return f"{100 * rate.rate:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _cell(rate: Rate) -> tuple[str, ...]:
    return tuple(map(str, (rate.trials, rate.episodes, rate.noise, rate.effect)))


def _where(rate: Rate) -> str:
    return f"{_told(rate)}: {rate.trials} trials, {rate.episodes} episodes, noise {rate.noise}"
