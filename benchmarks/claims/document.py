"""The page of the documentation that says how often a report claims something false: docs/claims.md."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from benchmarks.claims.counting import Rate
from benchmarks.claims.scenarios import EFFECTS, SCENARIOS

_INTRODUCTION = """# How often a report is wrong

```sh
{command}
```

Studies with a known truth are planted and go through the program: searcher, records, study, summary, sentences and
tables; {cells} cells, up to {studies} studies in each. A study counts as one false claim of a kind if any claim of
that kind in it is false. The mean is over all studies of all cells in which such a claim could be made; the worst cell
is the one with the highest lower end of its 95 % interval (Clopper and Pearson).

Cells whose interval lies wholly above 5 %: {above}.
"""


def page(rates: Sequence[Rate], command: str) -> str:
    """Markdown: every kind of sentence with its false claims, its power by effect, and the scenarios."""
    return "\n".join([*_head(rates, command), *_false(rates), "", *_power(rates), "", *_scenarios(), ""])


def summary(rates: Sequence[Rate]) -> str:
    """The first table alone."""
    return "\n".join(_false(rates))


def _head(rates: Sequence[Rate], command: str) -> list[str]:
    cells = {(rate.scenario, rate.trials, rate.episodes, rate.noise, rate.effect) for rate in rates}
    above = [rate for rate in rates if rate.above]
    where = "; ".join(f"{rate.sentence} in {_cell(rate)}" for rate in above)
    most = max(rate.studies for rate in rates)
    return [_INTRODUCTION.format(command=command, cells=len(cells), studies=most, above=where or "none")]


def _false(rates: Sequence[Rate]) -> list[str]:
    lines = [
        "| what is claimed | cells | false claims, % of studies: mean | worst cell | above 5 % |",
        "|---|---|---|---|---|",
    ]
    for sentence, some in _by_sentence(rates, "false"):
        worst = max(some, key=lambda rate: (rate.low, rate.rate))
        mean = sum(rate.rate * rate.studies for rate in some) / sum(rate.studies for rate in some)
        above = sum(rate.above for rate in some)
        lines.append(
            f"| {sentence} | {len(some)} | {100 * mean:.1f} | {_rate(worst)}: {_cell(worst)} | {above or ''} |"
        )
    return lines


def _power(rates: Sequence[Rate]) -> list[str]:
    lines = [
        "Power: in what share of the studies in which there was something to show it was shown, in the lowest and the",
        "highest cell of each size of the planted effect, in points of AUROC.",
        "",
        "| what is claimed | scenario | 2 points | 5 points | 10 points |",
        "|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[Rate]] = defaultdict(list)
    for rate in rates:
        if rate.kind == "power" and rate.effect:
            groups[rate.sentence, rate.scenario].append(rate)
    for (sentence, scenario), some in sorted(groups.items()):
        columns = [_range([100 * rate.rate for rate in some if rate.effect == effect]) for effect in EFFECTS]
        lines.append(f"| {sentence} | {scenario} | {' | '.join(columns)} |")
    return lines


def _range(percentages: Sequence[float]) -> str:
    if not percentages:
        return ""
    low, high = min(percentages), max(percentages)
    return f"{low:.0f} %" if len(percentages) == 1 else f"{low:.0f}-{high:.0f} %"


def _scenarios() -> list[str]:
    return [
        "| scenario | what is planted |",
        "|---|---|",
        *(f"| {one.name} | {one.title} |" for one in SCENARIOS.values()),
    ]


def _by_sentence(rates: Sequence[Rate], kind: str) -> Iterator[tuple[str, list[Rate]]]:
    groups: dict[str, list[Rate]] = defaultdict(list)
    for rate in rates:
        if rate.kind == kind:
            groups[rate.sentence].append(rate)
    yield from sorted(groups.items())


def _rate(rate: Rate) -> str:
    return f"{100 * rate.rate:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _cell(rate: Rate) -> str:
    effect = f", effect {rate.effect}" if rate.effect else ""
    return f"{rate.scenario}, {rate.trials} trials, {rate.episodes} support sets, noise {rate.noise}{effect}"
