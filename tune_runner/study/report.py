"""A sweep's answers, worked out and told: in files, and in a terminal."""

import os
from collections.abc import Sequence
from pathlib import Path

import optuna
from rich.console import Console
from rich.table import Table

from tune_runner.checksums import note_files
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study.answers import answers
from tune_runner.study.curves import Curve
from tune_runner.study.effects import Effect
from tune_runner.study.page import HTML, write
from tune_runner.study.summary import Best, Summary, summarise
from tune_runner.study.tables import write_findings, write_tables
from tune_runner.study.versus import Versus
from tune_runner.study.words import curve_title, percent, spread, text
from tune_runner.written import written_row, written_trials


def make(
    prepared: Prepared, study: optuna.Study, directory: Path, commands: dict[str, str], *, measured: bool = True
) -> tuple[Summary, list[Path]]:
    """The summary, and all files of the report, written into the sweep's directory. measured: also the tables of
    everything that was measured, which are half of the work where trials are many."""
    records = Records(directory)
    summary = summarise(prepared, study, records, commands)
    tables = write_findings(directory, summary)
    if measured:
        trials = written_trials(prepared.spec.space, study.get_trials(deepcopy=False))
        tables = write_tables(directory, trials, records) + tables
    files = write(summary, prepared, study, records, beside=tables) + tables
    note_files(directory, files)
    return summary, files


def show(summary: Summary, directory: Path, console: Console) -> None:
    """For people, in a terminal or not."""
    if summary.banner:
        console.print(summary.banner, style="bold red", markup=False)
    ended = ", ".join(f"{count} {what}" for what, count in summary.trials.items())
    why = "".join(f"; {count} x {what}" for what, count in summary.failures.items())
    console.print(f"\n{summary.name}: {ended}{why}", style="bold", markup=False, highlight=False)
    for answer in answers(summary):
        console.print(f"\n{answer.question}", style="bold", markup=False, highlight=False)
        for sentence in answer.sentences:
            console.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)
    console.print()
    if summary.best is not None:
        _show_best(summary.best, summary.protocol, console)
    if summary.fine_tuning:
        console.print(_comparisons("fine-tuning against the network before it: test AUROC", summary.fine_tuning))
    if summary.ablation:
        console.print(_comparisons("what each term adds: test AUROC, 95 % interval", summary.ablation))
    if summary.effects or summary.too_few:
        _show_effects(summary, console)
    for curve in summary.curves:
        console.print(_curve(curve))
    if summary.validation is not None and summary.validation.steps:
        title = f"from the reference to the best, on {summary.validation.episodes} fresh support sets: test AUROC"
        console.print(_comparisons(title, summary.validation.steps))
    for what, command in {"report": os.path.abspath(directory / HTML), **summary.commands}.items():
        console.print(f"{what:>9}: {command}", markup=False, highlight=False, soft_wrap=True)


def _show_best(best: Best, protocol: str, console: Console) -> None:
    by = "this" if best.chosen_by == "auroc" else best.chosen_by
    settings = " ".join(f"{name}={text(value)}" for name, value in {**best.parameters, **written_row(best.row)}.items())
    lines = [
        f"best configuration: trial {best.trial}: {settings}",
        f"  test AUROC   {spread(best.test_auroc, best.test_interval)} %"
        f"  (per episode: {', '.join(map(percent, best.test_per_episode))})",
        f"  search AUROC {spread(best.search_auroc, best.search_interval)} %  (it was chosen by {by})",
        f"  {protocol}",
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _show_effects(summary: Summary, console: Console) -> None:
    table = Table(title="what mattered: difference in search AUROC, points, 95 % interval", title_justify="left")
    shares = {
        method: {share.parameter: share for branch in reversed(summary.branches) for share in getattr(branch, field)}
        for method, field in (("PED-ANOVA, %", "ped_anova"), ("fANOVA, %", "fanova"))
    }  # of all trials, else of those that made the choice under which a parameter exists
    methods = [method for method, found in shares.items() if found]
    for column in ("parameter", "better", "worse", "difference", "shown", "compared", *methods):
        table.add_column(column, no_wrap=column == "parameter")
    for effect in summary.effects:
        own = [shares[method].get(effect.parameter) for method in methods]
        table.add_row(
            effect.parameter,
            effect.better,
            effect.worse,
            spread(effect.difference, effect.interval),
            f"{'yes' if effect.shown else 'no'}, p {effect.p:.2g}",
            _compared(effect),
            *(spread(share.share, share.interval) if share else "" for share in own),
        )
    if summary.effects:
        console.print(table)
    for each in summary.too_few:
        told = f"{each.parameter}: not enough evidence: {each.trials} of {each.needed} trials"
        console.print(told, style="dim", markup=False, highlight=False)
    console.print(summary.caution, style="dim", markup=False, soft_wrap=True)


def _compared(effect: Effect) -> str:
    if effect.paired:
        return f"within {effect.trials} trainings"
    beside = f", allowing for {effect.allowing_for}" if effect.allowing_for else ""
    return f"between {effect.trials} trials{beside}"


def _curve(curve: Curve) -> Table:
    table = Table(title=curve_title(curve), title_justify="left")
    for column in ("value", "search AUROC", f"against {text(curve.centre)}", "better in"):
        table.add_column(column, no_wrap=True)
    for point in curve.points:
        centre = point.value == curve.centre and not point.note
        unit = "support sets" if point.note else curve.unit
        table.add_row(
            ", ".join(filter(None, (text(point.value), point.note))),
            percent(point.auroc),
            "" if centre else spread(point.difference, point.interval) + (" *" if point.shown else ""),
            "" if centre else f"{point.better_in} of {point.of} {unit}",
        )
    return table


def _comparisons(title: str, steps: Sequence[Versus]) -> Table:
    """Each against the one before it."""
    table = Table(title=title, title_justify="left")
    for column in ("configuration", "AUROC", "against", "difference", "better in", "shown"):
        table.add_column(column)
    for step in steps:
        shown = "not enough evidence" if step.p is None else f"{'yes' if step.shown else 'no'}, p {step.p:.2g}"
        difference = spread(step.difference, step.interval)
        count = f"{step.better_in} of {step.of}"
        table.add_row(step.one, percent(step.auroc), step.other, difference, count, shown)
    return table
