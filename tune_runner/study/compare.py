"""Two or more sweeps side by side: does what matters here matter there, too, and what is good for all of them?"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import permutation_test, rankdata

from coftad.seeding import numpy_generator
from coftad.types import InputError
from tune_runner.study.everywhere import FEWEST_COMMON, Everywhere, Loss, Sweep, common, everywhere, mean, papers, read
from tune_runner.study.evidence import shown
from tune_runner.study.page import JSON
from tune_runner.study.words import percent, spread, text

FEWEST_RANKED = 4  # settings in two sweeps; the ranks of three agree by chance one time in six
_PAIRINGS = 9999  # of ranks; all of them for up to seven settings


def compare(directories: Sequence[Path], console: Console, overrides: Sequence[str] = ()) -> int:
    """The exit code. overrides: where images are by now, as `reopen` takes them. Raises InputError for a directory
    without a report that this version wrote."""
    summaries = [_summary(directory) for directory in directories]
    names = _names(directories, summaries)
    _show_effects(dict(zip(names, summaries, strict=True)), console)
    try:
        opened = [read(directory, overrides) for directory in directories]
    except InputError as error:  # a report may be all that was brought here
        console.print(f"Skipping the comparison of settings across data sets: {error}", markup=False)
        return 0
    sweeps = {name: sweep for name, sweep in zip(names, opened, strict=True) if sweep is not None}
    if sweeps:
        _show_losses(sweeps, console)
    for name in names:
        if name not in sweeps:
            console.print(f"{name}: left out here, no trial is complete", markup=False, highlight=False)
    return 0


def _summary(directory: Path) -> dict[str, Any]:
    path = directory / JSON
    try:
        summary = json.loads(path.read_text())
        _check_fields(summary)
    except OSError as error:
        raise InputError(f"compare: {path} cannot be read: {error.strerror}; `report {directory}` makes it") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"compare: {path} is of another version; `report {directory}` makes it again") from None
    return summary


def _check_fields(summary: dict[str, Any]) -> None:
    """Raise KeyError or TypeError where what is read below is missing."""
    if summary["best"] is not None and len(summary["best"]["test_interval"]) != 2:
        raise TypeError("test_interval")
    for effect in summary["effects"]:
        _shown(effect)


def _names(directories: Sequence[Path], summaries: Sequence[dict[str, Any]]) -> list[str]:
    """The sweeps' names, with their folders' where names repeat."""
    names = [summary["name"] for summary in summaries]
    return [
        f"{name} {directory.name}" if names.count(name) > 1 else name
        for name, directory in zip(names, directories, strict=True)
    ]


def _show_effects(sweeps: Mapping[str, dict[str, Any]], console: Console) -> None:
    table = Table("", *sweeps, title="test AUROC of the best, and differences in search AUROC; points, 95 % interval")
    table.add_row("best on test", *(_best(summary) for summary in sweeps.values()), end_section=True)
    effects = {name: {each["parameter"]: each for each in summary["effects"]} for name, summary in sweeps.items()}
    for parameter in dict.fromkeys(parameter for found in effects.values() for parameter in found):
        table.add_row(parameter, *(_effect(found.get(parameter)) for found in effects.values()))
    console.print(table)
    rule = "*: shown: p < 0.05 and the interval excludes 0, both corrected for the number of settings and their levels"
    console.print(rule, style="dim")
    for one, other in combinations(sweeps, 2):
        console.print(f"{one} and {other}: {_agreement(effects[one], effects[other])}", markup=False, highlight=False)


def _best(summary: dict[str, Any]) -> str:
    best = summary["best"]
    return "-" if best is None else spread(best["test_auroc"], best["test_interval"])


def _effect(effect: dict[str, Any] | None) -> str:
    if effect is None:
        return "-"
    star = " *" if _shown(effect) else ""
    return f"{spread(effect['difference'], effect['interval'])}{star}\n{effect['better']} over {effect['worse']}"


def _shown(effect: dict[str, Any]) -> bool:
    return shown(effect["p"], tuple(effect["interval"]))


def _agreement(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Of the order of settings by the size of their difference, among those that were tested in both."""
    tested = [parameter for parameter in one if parameter in other]
    if len(tested) < FEWEST_RANKED:
        return f"not enough evidence for their agreement: {len(tested)} of {FEWEST_RANKED} settings tested in both"
    correlation, p = _rank_correlation(*([found[name]["difference"] for name in tested] for found in (one, other)))
    both = [name for name in tested if _shown(one[name]) and _shown(other[name])]
    return (
        f"rank agreement of {len(tested)} settings tested in both {correlation:+.2f} (Spearman, p {p:.2g}); "
        f"shown in both: {', '.join(both) or 'none'}"
    )


def _rank_correlation(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Spearman's, and the p-value over permutations: of few settings, scipy's own p is far too small."""
    ranks, others = (_standardised(rankdata(values)) for values in (one, other))

    def correlation(permuted: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        return (permuted * others).sum(axis)

    test = permutation_test(
        (ranks,),
        correlation,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=_PAIRINGS,
        random_state=numpy_generator(0, "agreement"),
    )
    return float(test.statistic), float(test.pvalue)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and length 1; equal values, which have no order, are all 0."""
    centred = values - values.mean()
    return centred / (np.linalg.norm(centred) or 1)


def _show_losses(sweeps: Mapping[str, Sweep], console: Console) -> None:
    """Of one setting for all, and of the paper's."""
    table = Table(
        "", *sweeps, "mean", title="AUROC lost on test against each sweep's own best; points, 95 % paired interval"
    )
    found = {name: papers(sweep) for name, sweep in sweeps.items()}
    costs = [each.loss if each else None for each in found.values()]
    table.add_row("the paper's settings", *_losses(costs))
    apart: dict[str, list[str]] = defaultdict(list)
    for name, each in found.items():
        if each is None:
            apart["were not run to the end"].append(name)
        elif each.departures:
            apart[f"but for {_settings(each.departures)}"].append(name)
    notes = [f"{', '.join(names)}: the paper's settings {what}" for what, names in apart.items()]
    if len(sweeps) > 1:
        shared = common(list(sweeps.values()))
        if len(shared) < FEWEST_COMMON:
            notes.append(f"one setting for all: not enough evidence: {len(shared)} of {FEWEST_COMMON} common trainings")
        else:
            chosen = everywhere(list(sweeps.values()), shared)
            table.add_row("one setting for all", *_losses(chosen.test))
            notes.append(_chosen(chosen, len(shared), list(sweeps)))
    pooled = [name for name, sweep in sweeps.items() if sweep.shared]
    if pooled:
        notes.append(f"{', '.join(pooled)}: search and test are one pool, so that the losses lean towards large")
    console.print(table)
    for note in notes:
        console.print(note, markup=False, highlight=False)


def _losses(losses: Sequence[Loss | None]) -> list[str]:
    """One cell for each, and their mean where none is missing."""
    known = [loss for loss in losses if loss is not None]
    average = mean(known) if len(known) == len(losses) else None
    return [_loss(loss) for loss in (*losses, average)]


def _loss(loss: Loss | None) -> str:
    return "-" if loss is None else spread(loss.auroc, loss.interval) + (" *" if loss.shown else "")


def _chosen(found: Everywhere, trainings: int, names: Sequence[str]) -> str:
    worst = int(np.argmax([loss.auroc for loss in found.test]))
    return (
        f"one setting for all: {_settings(found.settings)}; of {trainings} common trainings "
        f"({found.configurations} configurations) it lost least on search: {', '.join(map(percent, found.search))}; "
        f"on test it loses most in {names[worst]}, {percent(found.test[worst].auroc)}"
    )


def _settings(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={text(value)}" for name, value in settings.items())
