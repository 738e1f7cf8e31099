"""Compare a sweep's study, its records and MLflow, name every disagreement, and mend what can be mended.

The study is right about which trials there are, the records about their results, and MLflow is a view of both. Nothing
here is needed after a kill or an outage, which `--resume` and `--sync` get over by themselves; it shows that they did,
and it mends damage from outside: lost files, edited databases, copies of a directory.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from rich.console import Console

from coftad.types import InputError
from tune_runner import (
    build_context,
    checksums,
    doctor_mlflow,
    doctor_notes,
    doctor_records,
    doctor_sent,
    doctor_study,
    resources,
)
from tune_runner.context import SweepContext
from tune_runner.directory import SPEC
from tune_runner.disagreement import Disagreement
from tune_runner.doctor_mlflow import Expected, Target
from tune_runner.doctor_records import Shelf
from tune_runner.journal import DirectoryInUse, RecordingError, write_whole
from tune_runner.lock import driving, in_use
from tune_runner.objective import Objective
from tune_runner.parts_index import is_parted
from tune_runner.reconcile import STUDY, load_study, outcomes, reconcile, verdict
from tune_runner.records import Records
from tune_runner.reopening import is_tracked, reopen, same_specification, with_weights
from tune_runner.spec import SweepSpec, load
from tune_runner.validation import FOLDER

CONTEXT, IMAGES = "context.json", "images.npz"
_SIGNS = (SPEC, STUDY, doctor_records.RECORDS)  # a folder with none of them is no sweep's


@dataclass
class _Sweep:
    """What could be read of a directory. A part that is None is named in `unreadable`."""

    directory: Path
    resting: bool
    spec: SweepSpec | None
    study: optuna.Study | None
    trials: dict[int, FrozenTrial]
    shelf: Shelf
    unreadable: list[Disagreement]

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Of the study, read once."""
        return {} if self.study is None else self.study.user_attrs

    @property
    def episodes(self) -> int | None:
        return None if self.spec is None else self.spec.episodes

    def sealed(self, trial: int) -> bool:
        """Whether what is kept of a trial that ended must have checksums."""
        return checksums.has_checksum(self.attributes, trial)

    @property
    def objective(self) -> Objective:
        """What sweep.yaml says; where nobody can read that, what it usually is."""
        return "auroc" if self.spec is None else self.spec.objective


def doctor(
    directory: Path,
    console: Console,
    *,
    fix: bool,
    tracking_uri: str | None = None,
    overrides: Sequence[str] = (),
) -> int:
    """Print every disagreement; with `fix`, mend, look again and print what is left.

    tracking_uri: another MLflow than the sweep's own, or the same one with its credentials. overrides: where the images
    are by now, for mending what is made from them. The exit code: 0 if all agree or were mended, 1 if disagreements are
    left, 2 if `directory` is not a sweep's. Raises RecordingError, and InputError for overrides that `reopen` refuses.
    """
    if not any((directory / name).exists() for name in _SIGNS):
        console.print(f"{directory} is not a sweep's directory: it has none of {', '.join(_SIGNS)}", markup=False)
        return 2
    if overrides:
        reopen(directory, "doctor", overrides)  # raises where these are not the images that were
    found = diagnose(directory, tracking_uri=tracking_uri)
    working = in_use(directory)
    if working:
        _say(console, "a sweep is at work here: what is in flight is not compared, nor MLflow; nothing is mended")
    for each in found:
        _say(console, f"{each.text}. {'With --fix, ' if each.mendable and not fix else ''}{each.mend}.")
    if not fix or working or not any(each.mendable for each in found):
        _say(console, _counted(len(found)))
        return 1 if found else 0
    try:
        problem = _mend(directory, tracking_uri, overrides)
    except DirectoryInUse as error:
        _say(console, f"nothing is mended: {error}")
        return 1
    if problem:
        _say(console, f"MLflow is not mended: {problem}")
    left = diagnose(directory, tracking_uri=tracking_uri)
    _say(console, f"mended {len([each for each in found if each not in left])}; {_counted(len(left))}")
    for each in left:
        _say(console, f"left: {each.text}. {each.mend}.")
    return 1 if left else 0


def doctor_index(directory: Path, console: Console) -> int:
    """Print what is wrong with the index of a folder of parts. The exit code, as of `doctor`."""
    if not is_parted(directory):
        return 0
    found = doctor_notes.check_files(directory)
    for each in found:
        _say(console, f"{each.text}. {each.mend}.")
    return 1 if found else 0


def with_validations(sweeps: Iterable[Path], console: Console) -> Iterator[Path]:
    """Each sweep, and those of its validations, which are announced."""
    for directory in sweeps:
        yield directory
        for folder in sorted((directory / FOLDER).glob("*/")):
            if (folder / STUDY).exists():
                console.rule(f"{FOLDER}/{folder.name}", align="left")
                yield folder


def diagnose(directory: Path, *, tracking_uri: str | None = None) -> list[Disagreement]:
    """Every disagreement, first of the files, then of records, study and MLflow. Changes nothing.

    While a sweep runs in `directory`, only what cannot be in flight is compared, and MLflow not at all. Raises
    RecordingError if the records cannot be opened at all.
    """
    sweep = _open(directory, resting=not in_use(directory))
    found = sweep.unreadable + doctor_records.check(sweep.shelf, resting=sweep.resting)
    if sweep.study is not None:
        found += doctor_records.check_against(
            sweep.shelf, sweep.trials, sweep.episodes, resting=sweep.resting, sealed=sweep.sealed
        )
        found += doctor_study.check(
            sweep.trials,
            sweep.shelf,
            sweep.episodes,
            sweep.objective,
            resting=sweep.resting,
            spec=sweep.spec,
            sealed=sweep.sealed,
        )
    if sweep.resting:
        found += _notes(sweep)
        found += _diagnose_tracking(sweep, tracking_uri)
    return found


def _notes(sweep: _Sweep) -> list[Disagreement]:
    """Of the study as a whole, and of files that can be made again."""
    found = []
    if sweep.study is not None:
        found += doctor_notes.check_study(sweep.study, sweep.directory, sweep.spec)
        if sweep.spec is not None:
            found += doctor_notes.check_specification(sweep.study, sweep.directory)
    found += doctor_notes.check_files(sweep.directory)
    for folder in sorted((sweep.directory / "artifacts").glob("trial-*/")):
        found += doctor_notes.check_files(folder, f"artifacts/{folder.name}/")
    return found


def _open(directory: Path, *, resting: bool = True) -> _Sweep:
    unreadable, study = [], None
    try:
        study = load_study(directory)
        if study is None:
            text = f"{STUDY} is missing or has no study, so records and MLflow are compared with nothing"
            mend = "bring it back from a copy; --resume starts a new one, which knows no trial"
            unreadable.append(Disagreement("study", text, mend, mendable=False))
    except RecordingError as error:
        text = f"{STUDY}: {error.reason}"
        unreadable.append(Disagreement("study", text, "bring it back from a copy", mendable=False))
    spec, wrong = _specification(directory, study)
    # The study before the records: a running driver appends to these first, and what the study says is then there.
    trials: dict[int, FrozenTrial] = {}
    try:
        if study is not None:
            trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    except Exception as error:  # a field that Optuna cannot take: it has no class for that
        text = f"{STUDY}: a trial cannot be read: {type(error).__name__}: {error}"
        unreadable.append(Disagreement("study", text, "bring it back from a copy", mendable=False))
        study = None
    return _Sweep(directory, resting, spec, study, trials, doctor_records.scan(directory), wrong + unreadable)


def _specification(directory: Path, study: optuna.Study | None) -> tuple[SweepSpec | None, list[Disagreement]]:
    """What sweep.yaml says, if it is what the study was made from."""
    kept = None if study is None else study.user_attrs.get("spec")
    mend = "bring it back; the sweep's run in MLflow has a copy among its artifacts"
    if kept is not None:
        mend = f"the study's copy takes its place, and what is there is moved to {doctor_records.SET_ASIDE}/"
    try:
        # Credentials are not kept in the file, and without them it does not load: MLflow comes from the context.
        spec = load(directory / SPEC, ["tracking.uri=null"])
    except InputError as error:
        text = f"{SPEC} cannot be read, so nobody knows how many episodes a trial has: {' '.join(str(error).split())}"
    else:
        if study is None or same_specification(study, spec):
            return spec, []
        text = f"{SPEC} is not what the study was made from"
    return None, [Disagreement("spec", text, mend, mendable=kept is not None, files=(directory / SPEC,))]


def _mend_specification(directory: Path) -> None:
    study = load_study(directory)
    if study is not None:
        doctor_notes.mend_study(study, directory, _specification(directory, study)[0])
    _, wrong = _specification(directory, study)
    if study is not None and not wrong:
        wrong = doctor_notes.check_specification(study, directory)
    if study is not None and wrong and wrong[0].mendable:
        doctor_records.mend(directory, wrong)
        write_whole(directory / SPEC, lambda file: file.write(study.user_attrs["spec"].encode()))


def _diagnose_tracking(sweep: _Sweep, tracking_uri: str | None) -> list[Disagreement]:
    found = []
    entries, damaged = doctor_mlflow.ledger_entries(sweep.directory, sealed_from_start=sweep.sealed(0))
    if damaged:
        text = f"{doctor_mlflow.LEDGER}: {damaged} line(s) cannot be read"
        found.append(Disagreement("damaged_ledger", text, "it is written anew without them"))
    if not _is_tracked(sweep):
        return found
    try:
        context = SweepContext.load(sweep.directory, tracking_uri)
    except InputError as error:
        return [*found, Disagreement("mlflow_unknown", str(error), "give --tracking-uri", mendable=False)]
    except RecordingError as error:
        text = f"what MLflow needs to know beside the records cannot be read: {error}"
        mend = "it is written anew from the images" if sweep.spec else f"bring {CONTEXT} and {IMAGES} back from a copy"
        found.append(Disagreement("context", text, mend, mendable=sweep.spec is not None))
        return found
    if sweep.study is None:
        return found
    return found + doctor_mlflow.check(_target(context, entries), _expected(sweep, context, entries), entries)


def _mend(directory: Path, tracking_uri: str | None, overrides: Sequence[str]) -> str:
    """Records first, then the study, then MLflow, each from what the one before says. What is in MLflow's way."""
    with driving(directory):
        with contextlib.suppress(RecordingError):  # no study: then there is no copy either, and `_open` says so
            _mend_specification(directory)
        sweep = _open(directory)
        found = doctor_records.check(sweep.shelf, resting=True)
        if sweep.study is not None:
            found += doctor_records.check_against(
                sweep.shelf, sweep.trials, sweep.episodes, resting=True, sealed=sweep.sealed
            )
        doctor_records.mend(directory, found)
        if sweep.study is not None and sweep.spec is not None:
            shelf = doctor_records.scan(directory)
            spec, episodes, sealed = sweep.spec, sweep.spec.episodes, sweep.sealed
            if changed := doctor_study.corrected(
                sweep.trials, shelf, episodes, sweep.objective, spec=spec, sealed=sealed
            ):
                doctor_study.replace(directory, sweep.study, changed)
            study = load_study(directory)
            assert study is not None
            reconcile(study, Records(directory), episodes=sweep.spec.episodes, objective=sweep.objective)
        return _mend_tracking(directory, tracking_uri, overrides)


def _mend_tracking(directory: Path, tracking_uri: str | None, overrides: Sequence[str]) -> str:
    sweep = _open(directory)
    if not _is_tracked(sweep):
        return ""
    try:
        context = SweepContext.load(directory, tracking_uri)
    except (InputError, RecordingError) as error:
        if sweep.spec is None or isinstance(error, InputError):
            return str(error)
        try:
            context = _context_anew(directory, tracking_uri, overrides)
        except InputError as missing:
            return str(missing)
    if sweep.study is None:
        return ""
    entries, damaged = doctor_mlflow.ledger_entries(directory, sealed_from_start=sweep.sealed(0))
    target = _target(context, entries)
    expected = _expected(sweep, context, entries)
    found = doctor_mlflow.check(target, expected, entries)
    if not found and not damaged:
        return ""
    ended = [each.outcome for each in expected.values()]
    return doctor_mlflow.mend(directory, target, found, ended, entries, damaged=bool(damaged))


def _is_tracked(sweep: _Sweep) -> bool:
    """Whether the sweep is to be seen in MLflow."""
    if any((sweep.directory / name).exists() for name in (CONTEXT, doctor_mlflow.LEDGER)):
        return True
    return is_tracked(sweep.directory)


def _context_anew(directory: Path, tracking_uri: str | None, overrides: Sequence[str]) -> SweepContext:
    """From the images, as a driver does before it starts. Raises InputError, RecordingError."""
    over = [] if tracking_uri is None else [f"tracking.uri={json.dumps(tracking_uri)}"]
    tracking = load(directory / SPEC, over).tracking
    prepared = with_weights(reopen(directory, "doctor", overrides)[0], directory, "doctor")
    prepared = replace(prepared, spec=replace(prepared.spec, tracking=tracking))
    share = resources.share(prepared.spec.resources, resources.hardware(), prepared.spec.budget.trials)
    context = build_context.context(prepared, directory, share)
    for name in (CONTEXT, IMAGES):  # else the sound one of the two would pass for both
        (directory / name).unlink(missing_ok=True)
    context.save()
    return context


def _sweep_id(entries: list[dict[str, object]]) -> str:
    ids = [str(entry["sweep"]) for entry in entries if "sweep" in entry]
    return ids[-1] if ids else ""


def _target(context: SweepContext, entries: list[dict[str, object]]) -> Target:
    sweep = _sweep_id(entries)
    sent = doctor_sent.of_sweep(context, entries, context.destination, sweep)
    return Target(context.tracking_uri, context.experiment, sweep, sent)


def _expected(sweep: _Sweep, context: SweepContext, entries: list[dict[str, object]]) -> Mapping[int, Expected]:
    assert sweep.study is not None
    expected = {}
    for outcome in outcomes(sweep.study, sweep.spec):
        auroc = None
        if outcome.trial in sweep.shelf.spans:
            with contextlib.suppress(ValueError):  # episodes that do not fit together: the study's part names them
                auroc = verdict(sweep.shelf.of(outcome.trial), sweep.objective).auroc
        sent = doctor_sent.of_trial(context, outcome, entries, _sweep_id(entries))
        expected[outcome.trial] = Expected(outcome, auroc, sent)
    return expected


def _counted(count: int) -> str:
    return f"{count} disagreement{'s' if count > 1 else ''}" if count else "study, records and MLflow agree"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
