"""What `compare` claims of two planted sweeps, each beside what is true."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from typing import Any
from unittest.mock import patch

from optuna.trial import FrozenTrial
from rich.console import Console

from benchmarks.claims.studies import Planted
from benchmarks.claims.truth import Finding, sign
from tune_runner.study import compare, everywhere
from tune_runner.study.page import JSON
from tune_runner.study.reference import reference_row, reference_trial

AGREEMENT = re.compile(r"rank agreement of .* \(Spearman, p ([\d.e-]+)\)")
IN_BOTH = re.compile(r"shown in both: ([^;\n]*)")


def compared(sweeps: Sequence[Planted]) -> Iterator[Finding]:
    """Of sweeps that were made with the same seed, so that they have the same configurations."""
    by_folder = {sweep.directory: sweep for sweep in sweeps}
    results: dict[str, list[Any]] = defaultdict(list)

    def kept(name: str) -> Any:
        work_out = getattr(compare, name)

        def called(sweep: Any, *arguments: Any) -> Any:
            results[name].append((sweep, work_out(sweep, *arguments)))
            return results[name][-1][1]

        return called

    for sweep in sweeps:
        (sweep.directory / JSON).write_text(json.dumps(asdict(sweep.summary)))
    words = StringIO()
    with (
        patch.object(everywhere, "reopen", lambda place, *_: (by_folder[place].prepared, by_folder[place].study)),
        patch.object(compare, "everywhere", kept("everywhere")),
        patch.object(compare, "papers", kept("papers")),
    ):
        compare.compare(list(by_folder), Console(file=words, width=500))
    yield from _in_both(sweeps, words.getvalue())
    yield from _losses(sweeps, results)


def _in_both(sweeps: Sequence[Planted], words: str) -> Iterator[Finding]:
    told = IN_BOTH.search(words)
    named = set() if told is None or told[1].strip() == "none" else {name.strip() for name in told[1].split(",")}
    tested = [{effect.parameter for effect in sweep.summary.effects} for sweep in sweeps]
    matters = sweeps[0].world.scenario.matters
    for setting in set.intersection(*tested):
        truth = sweeps[0].true(int(setting in matters))
        yield Finding("compare: shown in both", setting, truth, int(setting in named))
    if agreement := AGREEMENT.search(words):
        truth = sweeps[0].true(int(bool(matters)))
        yield Finding("compare: ranks of settings agree", "", truth, int(float(agreement[1]) < 0.05))


def _losses(sweeps: Sequence[Planted], results: Mapping[str, list[Any]]) -> Iterator[Finding]:
    for opened, chosen in results["everywhere"]:
        for sweep, there, loss in zip(sweeps, opened, chosen.test, strict=True):
            other = _row_of(there, chosen.settings)
            yield _loss("compare: one setting for all loses", sweep, there, other, loss)
    for sweep, (there, found) in zip(sweeps, results["papers"], strict=True):
        if found is not None:
            spec = sweep.prepared.spec
            trial = reference_trial(spec, there.trained.values())
            assert trial is not None
            row = reference_row(trial.user_attrs["rows"], spec.search.reference)
            yield _loss("compare: the paper's settings lose", sweep, there, (trial, row), found.loss)


def _row_of(sweep: everywhere.Sweep, settings: Mapping[str, Any]) -> tuple[FrozenTrial, int]:
    """The row that has these settings; all others are the same everywhere."""
    for training, trial in sweep.trained.items():
        for place, row in enumerate(trial.user_attrs["rows"]):
            if all({**vars(training), **row}[name] == value for name, value in settings.items()):
                return trial, place
    raise LookupError(f"no configuration has {settings}")


def _loss(
    sentence: str, planted: Planted, sweep: everywhere.Sweep, other: tuple[FrozenTrial, int], loss: everywhere.Loss
) -> Finding:
    best, loses = (planted.gain(planted.records.of(trial.number)[0], row) for trial, row in (sweep.best, other))
    return Finding(sentence, "", planted.true(sign(best - loses)), sign(loss.auroc) if loss.shown else 0)
