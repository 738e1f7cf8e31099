"""What a sweep found: the best configuration on held-out `test`, and which settings mattered.

The only place where `test` is opened, once, for the one configuration that `search` chose.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.table import Table

from coftad.metrics import auroc_over_episodes, evaluate, interval
from tune_runner.plan import Prepared
from tune_runner.records import EpisodeRecord, Records
from tune_runner.searcher import counts, reason
from tune_runner.study.importance import ENOUGH_TRIALS, FEWEST_TRIALS, Effect, Share, completed, effects, shares
from tune_runner.tracking import artifact_folder

HTML = "report.html"
JSON = "summary.json"


@dataclass(frozen=True)
class Best:
    """The configuration with the highest mean search AUROC. Intervals: 95 %, bootstrap over episodes and images."""

    trial: int
    parameters: dict[str, Any]
    row: dict[str, Any]
    search_auroc: float
    search_interval: tuple[float, float]
    test_auroc: float
    test_interval: tuple[float, float]
    test_per_episode: tuple[float, ...]


@dataclass(frozen=True)
class Summary:
    name: str
    banner: str
    protocol: str
    trials: dict[str, int]  # by how they ended
    failures: dict[str, int]  # by reason
    best: Best | None
    effects: list[Effect]
    shares: list[Share]
    caution: str
    commands: dict[str, str]


def summarise(prepared: Prepared, study: optuna.Study, records: Records, commands: dict[str, str]) -> Summary:
    trials = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
    done = completed(study)
    failures: dict[str, int] = {}
    for trial in trials:
        if trial.state == TrialState.FAIL:
            failures[str(reason(trial))] = failures.get(str(reason(trial)), 0) + 1
    return Summary(
        name=prepared.spec.name,
        banner=prepared.banner,
        protocol=_protocol(prepared),
        trials={
            "complete": len(done),
            "pruned": sum(trial.state == TrialState.PRUNED for trial in trials),
            "failed": sum(failures.values()),
        },
        failures=failures,
        best=_best(prepared, done, records) if done else None,
        effects=effects(done, seed=prepared.spec.seed) if done else [],
        shares=shares(done, seed=prepared.spec.seed),
        caution=_caution(len(done)),
        commands=commands,
    )


def _protocol(prepared: Prepared) -> str:
    episode, labels = prepared.episodes[0], prepared.image_set.labels
    shots = f"{len(episode.train_rows)}-shot, {len(prepared.episodes)} episode(s)"
    normal, anomalous = (int(np.count_nonzero(labels[episode.test_rows] == label)) for label in (0, 1))
    if episode.shared:
        return (
            f"{shots}; search and test are one pool of {normal} normal and {anomalous} anomalous images, as in the "
            "paper: the best configuration's AUROC is optimistic, because it was chosen on these images"
        )
    return f"{shots}; test: {normal} normal and {anomalous} anomalous images that no search has seen"


def _caution(count: int) -> str:
    few = f"{count} trials are few: importance shares settle at about {ENOUGH_TRIALS}"
    few = f"{few}, and are left out below {FEWEST_TRIALS}. " if count < ENOUGH_TRIALS else ""
    return (
        f"{few}Levels are compared that the same data chose, and an adaptive sampler does not draw evenly: "
        "read differences whose interval holds 0 as not shown."
    )


def _best(prepared: Prepared, trials: Sequence[FrozenTrial], records: Records) -> Best:
    trial = max(trials, key=lambda each: (each.value, -each.number))
    chosen = trial.user_attrs["best_row"]
    episodes = records.of(trial.number)
    row = [{"steps": each.steps, **vars(each.scoring)} for each in episodes[0].rows].index(chosen)
    search = labels_and_scores(prepared, records, episodes, row, "search_rows")
    test = labels_and_scores(prepared, records, episodes, row, "test_rows")
    per_episode = tuple(evaluate(labels, scores).auroc for labels, scores in zip(*test, strict=True))
    seed = prepared.spec.seed
    assert trial.value is not None  # complete trials have one
    return Best(
        trial=trial.number,
        parameters=dict(trial.params),
        row=chosen,
        search_auroc=trial.value,
        search_interval=interval(auroc_over_episodes(*search, seed=seed)),
        test_auroc=float(np.mean(per_episode)),
        test_interval=interval(auroc_over_episodes(*test, seed=seed)),
        test_per_episode=per_episode,
    )


def labels_and_scores(
    prepared: Prepared, records: Records, episodes: Sequence[EpisodeRecord], row: int, split: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of one row on the images of `split` (`search_rows` or `test_rows`), per episode."""
    labels, scores = [], []
    for record in episodes:
        arrays = records.scores(record)
        chosen = np.isin(arrays.image_rows, getattr(prepared.episodes[record.episode], split))
        labels.append(prepared.image_set.labels[arrays.image_rows[chosen]])
        scores.append(arrays.scores[row, chosen])
    return labels, scores


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def spread(value: float, between: tuple[float, float]) -> str:
    return f"{percent(value)} [{percent(between[0])}, {percent(between[1])}]"


def show(summary: Summary, directory: Path, console: Console) -> None:
    """For people, in a terminal or not."""
    if summary.banner:
        console.print(summary.banner, style="bold red", markup=False)
    ended = ", ".join(f"{count} {what}" for what, count in summary.trials.items())
    why = "".join(f"; {count} x {what}" for what, count in summary.failures.items())
    console.print(f"\n{summary.name}: {ended}{why}", style="bold", markup=False, highlight=False)
    if summary.best is not None:
        best = summary.best
        settings = " ".join(f"{name}={_value(value)}" for name, value in {**best.parameters, **best.row}.items())
        lines = [
            f"best configuration: trial {best.trial}: {settings}",
            f"  test AUROC   {spread(best.test_auroc, best.test_interval)} %"
            f"  (per episode: {', '.join(map(percent, best.test_per_episode))})",
            f"  search AUROC {spread(best.search_auroc, best.search_interval)} %  (it was chosen by this)",
            f"  {summary.protocol}",
        ]
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if summary.effects:
        table = Table(title="what mattered: difference in search AUROC, points, 95 % interval", title_justify="left")
        columns = ["parameter", "better", "worse", "difference", "compared"]
        for column in [*columns, "importance (PED-ANOVA)"] if summary.shares else columns:
            table.add_column(column, no_wrap=column == "parameter")
        share = {each.parameter: each for each in summary.shares}
        for effect in summary.effects:
            own = share.get(effect.parameter)
            table.add_row(
                effect.parameter,
                effect.better,
                effect.worse,
                spread(effect.difference, effect.interval),
                f"within {effect.trials} trainings" if effect.paired else f"between {effect.trials} trials",
                *([spread(own.share, own.interval) + " %" if own else ""] if summary.shares else []),
            )
        console.print(table)
        console.print(summary.caution, style="dim", markup=False, soft_wrap=True)
    for what, command in {"report": str(directory / HTML), **summary.commands}.items():
        console.print(f"{what:>9}: {command}", markup=False, highlight=False, soft_wrap=True)


def write(summary: Summary, directory: Path) -> list[Path]:
    """`summary.json`, and `report.html`, which opens anywhere: pictures are linked from the sweep's directory."""
    (directory / JSON).write_text(json.dumps(asdict(summary), indent=1) + "\n")
    pictures = []
    if summary.best is not None:
        folder = artifact_folder(directory, summary.best.trial)
        pictures = [str(path.relative_to(directory)) for path in sorted(folder.glob("*.png"))]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(percent=percent, text=_value)
    page = environment.from_string(_PAGE).render(
        s=summary, pictures=pictures, shares={each.parameter: each for each in summary.shares}, spread=spread
    )
    (directory / HTML).write_text(page)
    return [directory / HTML, directory / JSON]


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ s.name }}</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1d2530 }
 table { border-collapse: collapse; margin: 1rem 0 } th, td { text-align: left; padding: .3rem .8rem .3rem 0 }
 tr { border-bottom: 1px solid #dde3ea } code { background: #f1f4f8; padding: .1rem .3rem }
 .banner { background: #b3261e; color: white; padding: .8rem 1rem; font-weight: 600 }
 .big { font-size: 2rem; font-weight: 600 } .quiet { color: #5b6775 } img { max-width: 100%; margin: .5rem 0 }
 .shown { font-weight: 600 }
</style>
<h1>{{ s.name }}</h1>
{% if s.banner %}<p class="banner">{{ s.banner }}</p>{% endif %}
<p class="quiet">{% for what, count in s.trials.items() %}{{ count }} {{ what }}{{ ", " if not loop.last }}{% endfor %}
{% for what, count in s.failures.items() %}; {{ count }} × {{ what }}{% endfor %}. {{ s.protocol }}.</p>
{% if s.best %}
<h2>Which settings are good here</h2>
<p class="big">{{ spread(s.best.test_auroc, s.best.test_interval) }} % AUROC on test</p>
<p>Trial {{ s.best.trial }}; search AUROC {{ spread(s.best.search_auroc, s.best.search_interval) }} %, by which it was
chosen. Test per episode:
{% for v in s.best.test_per_episode %}{{ v | percent }}{{ ", " if not loop.last }}{% endfor %}.
Intervals: 95 %, bootstrap over episodes and images.</p>
<table>{% for group in (s.best.parameters, s.best.row) %}{% for name, value in group.items() %}
<tr><th>{{ name }}</th><td>{{ value | text }}</td></tr>{% endfor %}{% endfor %}</table>
{% endif %}
{% if s.effects %}
<h2>How much each setting matters here</h2>
<table><tr><th>parameter</th><th>better</th><th>worse</th><th>difference in AUROC, points</th><th>compared</th>
{% if shares %}<th>importance, %</th>{% endif %}</tr>
{% for e in s.effects %}<tr{% if e.interval[0] > 0 %} class="shown"{% endif %}><td>{{ e.parameter }}</td>
<td>{{ e.better }}</td><td>{{ e.worse }}</td><td>{{ spread(e.difference, e.interval) }}</td>
<td>{{ "within" if e.paired else "between" }} {{ e.trials }} trials</td>
{% if shares %}<td>{% if e.parameter in shares %}{{ spread(shares[e.parameter].share, shares[e.parameter].interval) }}
{% endif %}</td>{% endif %}
</tr>{% endfor %}</table>
<p class="quiet">Bold: the 95 % interval excludes 0. {{ s.caution }}</p>
{% endif %}
{% if pictures %}<h2>The best configuration on the search images</h2>
{% for path in pictures %}<img src="{{ path }}" alt="{{ path }}">{% endfor %}{% endif %}
<h2>Again</h2>
<table>{% for what, command in s.commands.items() %}
<tr><th>{{ what }}</th><td><code>{{ command }}</code></td></tr>{% endfor %}</table>
</html>
"""
