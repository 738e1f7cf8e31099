"""Two or more sweeps side by side: does what matters here matter there, too?"""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from coftad.types import InputError
from tune_runner.study.page import JSON
from tune_runner.study.words import spread

FEWEST_COMMON = 4  # settings in two sweeps; the ranks of three agree by chance one time in six


def compare(directories: Sequence[Path], console: Console) -> int:
    """The exit code. Raises InputError for a directory without a report that this version wrote."""
    sweeps = _named([(directory, _summary(directory)) for directory in directories])
    table = Table("", *sweeps, title="test AUROC of the best, and differences in search AUROC; points, 95 % interval")
    table.add_row("best on test", *(_best(summary) for summary in sweeps.values()), end_section=True)
    effects = {name: {each["parameter"]: each for each in summary["effects"]} for name, summary in sweeps.items()}
    for parameter in dict.fromkeys(parameter for found in effects.values() for parameter in found):
        table.add_row(parameter, *(_effect(found.get(parameter)) for found in effects.values()))
    console.print(table)
    console.print("*: shown, p < 0.05 over all levels, corrected for the sweep's number of settings", style="dim")
    for one, other in combinations(sweeps, 2):
        console.print(f"{one} and {other}: {_agreement(effects[one], effects[other])}", markup=False, highlight=False)
    return 0


def _summary(directory: Path) -> dict[str, Any]:
    path = directory / JSON
    try:
        summary = json.loads(path.read_text())
        summary["best"], [each["p"] for each in summary["effects"]]  # what is asked of it below
    except OSError as error:
        raise InputError(f"compare: {path} cannot be read: {error.strerror}; `report {directory}` makes it") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"compare: {path} is of another version; `report {directory}` makes it again") from None
    return summary


def _named(found: list[tuple[Path, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """By the sweeps' names, and their folders' where names repeat."""
    names = [summary["name"] for _, summary in found]
    repeated = {name for name in names if names.count(name) > 1}
    return {
        f"{summary['name']} {directory.name}" if summary["name"] in repeated else summary["name"]: summary
        for directory, summary in found
    }


def _best(summary: dict[str, Any]) -> str:
    best = summary["best"]
    return "-" if best is None else spread(best["test_auroc"], best["test_interval"])


def _effect(effect: dict[str, Any] | None) -> str:
    if effect is None:
        return "-"
    star = " *" if effect["p"] < 0.05 else ""
    return f"{effect['better']} over {effect['worse']}: {spread(effect['difference'], effect['interval'])}{star}"


def _agreement(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Of the order of settings by the size of their difference."""
    common = [parameter for parameter in one if parameter in other]
    if len(common) < FEWEST_COMMON:
        return f"not enough evidence for their agreement: {len(common)} of {FEWEST_COMMON} common settings"
    sizes = [[found[parameter]["difference"] for parameter in common] for found in (one, other)]
    found = spearmanr(*sizes)
    return f"rank agreement of {len(common)} settings {found.statistic:+.2f} (Spearman, p {found.pvalue:.2g})"
