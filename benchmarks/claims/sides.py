"""What a report claims of one configuration against another, each claim beside what is true.

A comparison counts as claimed where its table says so; a sentence that says anything else is a finding of its own.
"""

import re
from collections.abc import Iterator, Sequence

from benchmarks.claims.studies import Planted
from benchmarks.claims.truth import Finding, gain_of, sign
from coftad.types import FineTuning
from tune_runner.designs import between, complete, fields_of
from tune_runner.records import EpisodeRecord
from tune_runner.study import ablated
from tune_runner.study.reference import reference_row, reference_trial
from tune_runner.study.scored import completed, evaluated, rows
from tune_runner.study.validated import BEST
from tune_runner.study.versus import Versus

ABOVE, BELOW = re.compile(r"points above"), re.compile(r"points below")
FINE_TUNING = re.compile(r"fine-tuning (gains|loses) ")
VERDICT = re.compile(r"The difference that the search showed is (not confirmed|confirmed|refuted)")

Row = tuple[EpisodeRecord, int]


def findings(planted: Planted, good: str, again: str) -> Iterator[Finding]:
    """good, again: the answers to the first and to the third question."""
    yield from _against_reference(planted, good)
    yield from _fine_tuning("fine-tuning against step 0", planted.summary.fine_tuning, planted, good)
    yield from _validation(planted, again)
    yield from _ablation(planted)
    yield from _criteria(planted)


def agrees(subject: str, table: int, words: int) -> Finding:
    """A sentence and its table that say different things, in either direction."""
    return Finding("sentence differs from its table", subject, 0, int(table != words))


def _claim(comparison: Versus) -> int:
    return sign(comparison.difference) if comparison.shown else 0


def _worded(words: str) -> int:
    return int(bool(ABOVE.search(words))) - int(bool(BELOW.search(words)))


def _best(planted: Planted) -> Row:
    best = planted.summary.best
    assert best is not None
    record = planted.records.of(best.trial)[0]
    return record, rows(record).index(best.row)


def _reference(planted: Planted) -> Row:
    spec = planted.prepared.spec
    reference = reference_trial(spec, evaluated(planted.study))
    assert reference is not None
    record = planted.records.of(reference.number)[0]
    return record, reference_row(rows(record), spec.search.reference)


def _against_reference(planted: Planted, words: str) -> Iterator[Finding]:
    comparison = planted.summary.against_reference
    if comparison is not None:
        gain = planted.gain(*_best(planted)) - planted.gain(*_reference(planted))
        yield Finding("best against the reference", "", planted.true(sign(gain)), _claim(comparison))
        yield agrees("best", _claim(comparison), _worded(words))


def _fine_tuning(sentence: str, comparisons: Sequence[Versus], planted: Planted, words: str) -> Iterator[Finding]:
    """Of configurations, each against its own network before."""
    for comparison in comparisons:
        record, row = _best(planted) if comparison.one == BEST else _reference(planted)
        before = FineTuning(backbone=record.training.backbone)
        gain = planted.gain(record, row) - planted.world.gain(before, 0, record.rows[row].scoring)
        yield Finding(sentence, comparison.one, planted.true(sign(gain)), _claim(comparison))
    claims = [{1: "gains", -1: "loses"}[_claim(one)] for one in comparisons if one.shown]
    yield agrees("fine-tuning", 1, int(FINE_TUNING.findall(words) == claims))


def _validation(planted: Planted, words: str) -> Iterator[Finding]:
    found, before = planted.summary.validation, planted.summary.against_reference
    if found is None:
        return
    truth = planted.true(sign(planted.gain(*_best(planted)) - planted.gain(*_reference(planted))))
    claim = _claim(found.best)
    yield Finding("validation: best against the reference", "", truth, claim)
    yield agrees("validation", claim, _worded(words))
    told = VERDICT.search(words)
    verdict = told[1] if told else ""
    if before is not None and before.shown:  # there is something to confirm
        yield Finding("validation confirms", "", truth, claim if verdict == "confirmed" else 0)
        yield Finding("validation refutes", "", truth, claim if verdict == "refuted" else 0)
    elif verdict:
        yield agrees("verdict without a claim", 0, 1)
    after = [found.fine_tuning] if found.fine_tuning is not None else []
    yield from _fine_tuning("validation: fine-tuning against step 0", after, planted, words)
    yield from _steps("step of a validation", found.steps, _gains_between(planted), planted)


def _gains_between(planted: Planted) -> list[float]:
    """From the reference to the best, each configuration scored as the reference, and the last as the best."""
    spec, best = planted.prepared.spec, planted.summary.best
    assert best is not None
    fields = fields_of(spec.space, planted.study.get_trials(deepcopy=False)[best.trial].params)
    points = [complete(spec.space, spec.search.reference, {})]
    points += [point for _, point in between(spec.space, spec.search.reference, fields)]
    gains = []
    for point in points:
        config = spec.config(fields_of(spec.space, point))
        keys = [(steps, scoring) for steps in config.points for scoring in config.scorings]
        described = [{"steps": steps, **vars(scoring)} for steps, scoring in keys]
        gains.append(planted.world.gain(config.training, *keys[reference_row(described, spec.search.reference)]))
    return [*gains, planted.gain(*_best(planted))]


def _steps(sentence: str, steps: Sequence[Versus], gains: Sequence[float], planted: Planted) -> Iterator[Finding]:
    """Each against the one before it."""
    for place, step in enumerate(steps):
        yield Finding(sentence, step.one, planted.true(sign(gains[place + 1] - gains[place])), _claim(step))


def _ablation(planted: Planted) -> Iterator[Finding]:
    summary = planted.summary
    if not summary.ablation:
        return
    path = ablated.path(planted.prepared, completed(planted.study), planted.records)
    gains = {side.name: gain_of(planted.world.scenario, side.episodes[0], side.row) for side in path}
    gains[ablated.WITHOUT_NORM] = gains[path[-1].name]
    for step in summary.ablation:
        truth = planted.true(sign(gains[step.one] - gains[step.other]))
        yield Finding("step of an ablation", step.one, truth, _claim(step))


def _criteria(planted: Planted) -> Iterator[Finding]:
    """A rank correlation is not judged where steps matter: where a criterion chooses step 0, which trials share, it is
    the lower the fewer others do, so that even noise goes with AUROC."""
    scenario = planted.world.scenario
    for verdict in planted.summary.label_free:
        if verdict.rank_correlation is not None and not planted.true(int("steps" in scenario.matters)):
            truth = planted.true(int(scenario.informative and verdict.criterion == "compactness"))
            claim = sign(verdict.rank_correlation) if verdict.ranks else 0
            yield Finding("criterion ranks as AUROC does", verdict.criterion, truth, claim)
        if verdict.lost is not None and verdict.chosen_trial is not None and verdict.chosen_row is not None:
            record = planted.records.of(verdict.chosen_trial)[0]
            gain = planted.gain(*_best(planted)) - planted.gain(record, rows(record).index(verdict.chosen_row))
            claim = sign(verdict.lost) if verdict.shown else 0
            yield Finding("criterion loses AUROC", verdict.criterion, planted.true(sign(gain)), claim)
