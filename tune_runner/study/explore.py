"""Optuna's own figures of a study, for looking around: history, slices, contours, parallel coordinates, distribution.

A browser draws every mark of them as a shape, so that large studies are thinned: `thinned` keeps each trial that was
the best so far, and an even sample of the others.
"""

from collections.abc import Sequence
from itertools import combinations

import optuna
import plotly.graph_objects as go
from optuna import visualization
from optuna.distributions import CategoricalDistribution as _Choice
from optuna.trial import FrozenTrial

from tune_runner.quiet import quiet
from tune_runner.study.interactive import styled
from tune_runner.study.plots import ACCENT
from tune_runner.study.scored import search_auroc

MOST_MARKS = 2_000  # trials in a plot of one mark each
MOST_LINES = 150  # trials in a plot of one line or one row and column of a grid each
_SETTINGS = 3  # the most important numeric ones, whose pairs have contours


def thinned(trials: Sequence[FrozenTrial], most: int) -> list[FrozenTrial]:
    """At most `most` of complete trials, in their order, unless more of them were the best so far."""
    if len(trials) <= most:
        return list(trials)
    kept, best = set(), float("-inf")
    for index, trial in enumerate(trials):
        if search_auroc(trial) > best:
            kept.add(index)
            best = search_auroc(trial)
    others = [index for index in range(len(trials)) if index not in kept]
    room = max(0, most - len(kept))
    kept |= {others[place * len(others) // room] for place in range(room)}
    return [trials[index] for index in sorted(kept)]


def history(trials: Sequence[FrozenTrial]) -> go.Figure:
    shown = thinned(trials, MOST_MARKS)
    with quiet():
        figure = visualization.plot_optimization_history(_study(shown), target_name="search AUROC")
    for trace in figure.data[:2]:
        trace.x = [trial.number for trial in shown]  # Optuna's are those of the thinned study
    figure.data[0].marker.color = ACCENT
    figure.data[0].marker.opacity = 0.6
    figure.data[1].update(name="best so far", line={"color": "#1d2530", "width": 1.5, "shape": "hv"})
    return _percent(styled(figure, height=340), legend=True)


def slices(trials: Sequence[FrozenTrial], parameters: Sequence[str]) -> list[go.Figure]:
    """One for each setting; darker marks are later trials."""
    study = _study(thinned(trials, MOST_MARKS))
    found = []
    for name in parameters:
        with quiet():
            figure = visualization.plot_slice(study, [name], target_name="search AUROC")
        figure.update_traces(marker={"showscale": False})
        found.append(_percent(styled(figure, height=280)))
    return found


def contours(trials: Sequence[FrozenTrial], parameters: Sequence[str]) -> list[go.Figure]:
    """One for each pair of the first few numeric settings; among the levels of a choice there are no contours."""
    chosen = {name for trial in trials for name, kind in trial.distributions.items() if isinstance(kind, _Choice)}
    found = []
    for pair in combinations([name for name in parameters if name not in chosen][:_SETTINGS], 2):
        both = [trial for trial in trials if set(pair) <= set(trial.params)]
        study = _study(thinned(both, MOST_LINES))
        with quiet():
            figure = visualization.plot_contour(study, list(pair))
        if not figure.data:
            continue
        figure.update_traces(
            colorbar={"title": "AUROC", "tickformat": ".0%", "thickness": 12}, selector={"type": "contour"}
        )
        found.append(styled(figure, height=340))
    return found


def parallel(trials: Sequence[FrozenTrial], parameters: Sequence[str]) -> go.Figure | None:
    """Over the settings that every trial has; None if there are fewer than two of them."""
    common = [name for name in parameters if all(name in trial.params for trial in trials)]
    if len(common) < 2:
        return None
    study = _study(thinned(trials, MOST_LINES))
    with quiet():
        figure = visualization.plot_parallel_coordinate(study, common, target_name="search AUROC")
    return styled(figure, height=420)


def distribution(trials: Sequence[FrozenTrial]) -> go.Figure:
    """The share of trials at or below each AUROC."""
    with quiet():
        figure = visualization.plot_edf(_study(thinned(trials, MOST_MARKS)), target_name="search AUROC")
    figure.update_traces(line={"color": ACCENT})
    styled(figure, height=300).update_layout(showlegend=False)
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(title="share of trials at or below")
    return figure


def _study(trials: Sequence[FrozenTrial]) -> optuna.Study:
    """Of these trials' settings and values alone: Optuna copies the rest, too, which takes seconds."""
    with quiet():
        study = optuna.create_study(study_name="trials", direction="maximize")  # the name is in a figure
    study.add_trials(
        [
            optuna.trial.create_trial(params=trial.params, distributions=trial.distributions, value=search_auroc(trial))
            for trial in trials
        ]
    )
    return study


def _percent(figure: go.Figure, *, legend: bool = False) -> go.Figure:
    figure.update_yaxes(tickformat=".0%")
    figure.update_layout(showlegend=legend, legend={"orientation": "h", "y": 1.1})
    return figure
