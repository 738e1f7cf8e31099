"""Which figures the page has, and the pictures that stand for them in print and without JavaScript."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from optuna.trial import FrozenTrial

from tune_runner.artifacts import Labelled
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study import explore, interactive, plots
from tune_runner.study.scored import labels_and_scores, rows
from tune_runner.study.summary import Summary
from tune_runner.written import written_name


@dataclass(frozen=True)
class Panel:
    """Figures that belong together. still: the same as one picture; None where there is none."""

    figures: Sequence[go.Figure]
    still: Path | None = None


def findings(summary: Summary, prepared: Prepared, records: Records) -> tuple[dict[str, Panel], list[Path]]:
    """Of each kind of finding that there is: its panel by name, and the pictures that were written."""
    kinds: tuple[tuple[str, Sequence[Any], Callable[..., list[go.Figure]], Callable[..., None]], ...] = (
        ("effects", summary.effects, lambda found: [interactive.effects_figure(found)], plots.draw_effects),
        ("importance", _ranked(summary), interactive.importance_figures, plots.draw_importance),
        ("curves", summary.curves, interactive.curve_figures, plots.draw_curves),
        ("means", summary.means, interactive.means_figures, plots.draw_means),
        ("interactions", summary.interactions, interactive.interaction_figures, plots.draw_interactions),
    )
    panels = {}
    for name, found, figures, draw in kinds:
        if found:
            still = records.directory / f"{name}.png"
            draw(found, still)
            panels[name] = Panel(figures(found), still)
    pictures = [panel.still for panel in panels.values() if panel.still is not None]
    if scores := _scores(summary, prepared, records):
        panels["scores"] = Panel([interactive.scores_figure(scores)])
    return panels, pictures


def looking_around(summary: Summary, trials: Sequence[FrozenTrial]) -> dict[str, Panel]:
    """Optuna's figures; of one trial there is nothing to see. trials: as written, see `tune_runner.written`."""
    if len(trials) < 2:
        return {}
    parameters = _by_importance(summary, trials)
    parallel = explore.parallel(trials, parameters)
    found = {
        "history": [explore.history(trials)],
        "slices": explore.slices(trials, parameters),
        "contours": explore.contours(trials, parameters),
        "parallel": [] if parallel is None else [parallel],
        "distribution": [explore.distribution(trials)],
    }
    return {name: Panel(figures) for name, figures in found.items() if figures}


def _ranked(summary: Summary) -> list[Any]:
    return [branch for branch in summary.branches if branch.ped_anova]


def _by_importance(summary: Summary, trials: Sequence[FrozenTrial]) -> list[str]:
    """The settings that varied; those with the largest effects first."""
    values: dict[str, set[Any]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            values.setdefault(name, set()).add(value)
    varied = [name for name, several in values.items() if len(several) > 1]
    known = [name for effect in summary.effects if (name := written_name(effect.parameter)) in varied]
    return list(dict.fromkeys([*known, *varied]))


def _scores(summary: Summary, prepared: Prepared, records: Records) -> list[Labelled]:
    """Of the best configuration on the test images, per episode."""
    if summary.best is None:
        return []
    episodes = records.of(summary.best.trial)
    if not episodes:
        return []
    row = rows(episodes[0]).index(summary.best.row)
    labels, scores = labels_and_scores(prepared, records, episodes, row, "test_rows")
    return list(zip(scores, labels, strict=True))
