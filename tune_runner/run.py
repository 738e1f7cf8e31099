"""One sweep from a checked specification to a report: Tuner, interruption, validation, tracking."""

import difflib
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import optuna
from rich.console import Console

from coftad.types import InputError
from tune_runner import environment, plan, validation
from tune_runner.as_begun import as_begun
from tune_runner.build_context import context
from tune_runner.callback import Halt, SweepCallback
from tune_runner.checksums import ATTRIBUTES, changed_attributes, of_attributes
from tune_runner.closing import Closing
from tune_runner.commands import commands
from tune_runner.directory import SPEC, kept_text, write_spec
from tune_runner.drawing import Drawing
from tune_runner.failures import described, reported
from tune_runner.interruption import interruptible, on_interrupt
from tune_runner.lock import driving
from tune_runner.objective import metric_name
from tune_runner.output import lost
from tune_runner.plan import Prepared
from tune_runner.progress import Progress
from tune_runner.reconcile import STUDY, outcomes, reconcile
from tune_runner.records import Records
from tune_runner.refresh import Refresher
from tune_runner.reopening import same_specification
from tune_runner.resources import Share
from tune_runner.searcher import StudySearcher, create_or_load
from tune_runner.spec import SweepSpec
from tune_runner.sqlite import sqlite_url
from tune_runner.study import report
from tune_runner.study.summary import Summary, best_trial
from tune_runner.tracking import Tracker
from tune_runner.trainable import CoftTrainable
from tune_runner.transactions import JoinableStorage
from tune_runner.trial_state import counts
from tune_runner.tuning import fit


def open_study(directory: Path, spec: SweepSpec) -> optuna.Study:
    """The study of a sweep's directory, new or as it was left. InputError if `spec` is not what it was made from."""
    url = sqlite_url((directory / STUDY).absolute())
    names = optuna.get_all_study_names(
        JoinableStorage(url)
    )  # one, named after what the directory was called when it was new
    study = create_or_load(url, names[0] if names else f"{spec.name}-{directory.name}", metric_name(spec.objective))
    made_from = study.user_attrs
    if "fingerprint" not in made_from:  # new, or its driver was killed before it could say
        study.set_user_attr("spec", kept_text(directory, spec))
        study.set_user_attr("fingerprint", spec.fingerprint())
    elif not same_specification(study, spec):
        lines = difflib.unified_diff(
            made_from["spec"].splitlines(), spec.to_yaml().splitlines(), "as it was", "as it is", n=0, lineterm=""
        )
        raise InputError(
            f"--resume: the sweep in {directory} was made from another specification. What was changed:\n"
            + "\n".join(lines)
            + "\nUndo the change, or start a new sweep. Only budget, resources, tracking and output may change"
        )
    return study


def _same_inputs(study: optuna.Study, prepared: Prepared, directory: Path) -> None:
    """Note in the study what it is made with, also for whoever repeats a part of it; or, when it goes on, raise
    InputError if that is something else by now."""
    facts = {"images": {"all": prepared.image_set.digest}, "weights": prepared.weight_digests}
    before = study.user_attrs
    for what, digests in facts.items():
        if what not in before:
            study.set_user_attr(what, digests)
            continue
        for name, digest in digests.items():
            if (was := before[what].get(name, digest)) != digest:
                raise InputError(
                    f"--resume: the {what} ({name}) are not those of {directory}: their digest is {digest[:12]}, "
                    f"it was {was[:12]}"
                )
    if "environment" not in before:  # the last of the first driver's notes; a later one's file tells no profile
        notes = {
            "banner": prepared.banner,
            "profile": prepared.spec.profile,
            "partial": prepared.image_set.provenance.get("partial", ""),
            "environment": environment.here(),
        }
        for what, note in notes.items():
            study.set_user_attr(what, note)
    noted = study.user_attrs
    sealed = of_attributes(noted, len(study.get_trials(deepcopy=False)))
    if noted.get(ATTRIBUTES) != sealed and not changed_attributes(noted):  # what was changed is the doctor's
        study.set_user_attr(ATTRIBUTES, sealed)


def drive(
    prepared: Prepared,
    directory: Path,
    share: Share,
    console: Console,
    trainable: type[CoftTrainable] = CoftTrainable,
    *,
    told: bool = True,
    halt: Halt | None = None,
) -> int:
    """Run what is left of the sweep in `directory` on the Ray that is connected. The exit code.

    trainable: another one than ours, for benchmarks and tests. told: whether the report and the command that goes on
    are printed, too. halt: ends this sweep and others that it belongs to; default: one with this sweep's wall time.
    Raises InputError, RecordingError, DirectoryInUse, and whatever else went wrong, after everything was closed.
    """
    halt = halt or Halt(prepared.spec.budget.wall_time, partial(lost, console))
    resume = commands(prepared.spec, directory, None)["resume"] if told else ""
    with driving(directory), on_interrupt(halt.interrupt, resume):
        _drive(prepared, directory, share, console, trainable, halt, told)
    return halt.code


def _drive(
    prepared: Prepared,
    directory: Path,
    share: Share,
    console: Console,
    trainable: type[CoftTrainable],
    halt: Halt,
    told: bool,
) -> bool:
    """Whether nothing is left to do."""
    spec = prepared.spec
    study = open_study(directory, spec)
    _same_inputs(study, prepared, directory)
    before = reconcile(study, Records(directory), episodes=spec.episodes, objective=spec.objective)
    begun = replace(prepared, spec=as_begun(spec, study))
    searcher = StudySearcher(study, begun.spec)
    ended = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
    progress = Progress(
        console,
        total=spec.budget.trials,
        done=searcher.done,
        failed=sum(trial.state == optuna.trial.TrialState.FAIL for trial in ended),
        banner=prepared.banner,
    )
    if prepared.banner:
        console.print(prepared.banner, style="bold red", markup=False)
    progress.note(f"{spec.name}: {searcher.remaining} trials to run, {share.concurrent} at once, in {directory}")
    if cut := plan.left_out(spec):
        progress.note(cut)
    if before.told:
        progress.note(f"{len(before.told)} trial(s) had finished when the last driver ended, and count")
    if before.queued:
        progress.note(f"{len(before.queued)} trial(s) were running when the last driver ended, and run again")
    shown = context(prepared, directory, share)
    drawing = Drawing(shown)
    tracker = None if spec.tracking.uri is None else Tracker(shown, drawing)

    def make_report(*, measured: bool = True) -> tuple[Summary, list[Path]]:
        hints = commands(spec, directory, best_trial(study), tracker.page if tracker else "")
        return report.make(begun, study, directory, hints, measured=measured)

    refresher = Refresher(partial(make_report, measured=False), progress.note)
    callback = SweepCallback(prepared, searcher, Records(directory), drawing, tracker, progress, halt, refresher.ended)
    whole = False
    with Closing(halt, callback, drawing, tracker, progress.note) as closing:
        for outcome in outcomes(study, spec):
            callback.track(outcome)  # what is drawn or known is passed over
        if searcher.remaining > 0 and not halt.stop_all():
            with progress, refresher:
                fit(prepared, share, searcher, callback, halt, trainable)
            if searcher.exhausted:
                progress.note("the space has no configuration left that was not tried")
                progress.total = progress.done
        closing.end_trials()
        whole = not closing.left and progress.done >= progress.total
        if whole and halt.error is None:
            whole = _validate(prepared, study, directory, share, progress, halt, trainable)
        closing.draw(whole=whole)
        if halt.error is None:
            with interruptible():
                summary, files = make_report()
                if told:
                    report.show(summary, directory, console)
            if tracker is not None:
                tracker.finish(_headline(summary), [*files, directory / SPEC], "FINISHED" if whole else "KILLED")
    if tracker is not None and tracker.unsent:
        sends = f"--sync {shlex.quote(str(directory))} sends them"
        progress.note(f"{tracker.unsent} run(s) are not in MLflow yet ({tracker.problem}); {sends}")
    if halt.error is not None:
        error, halt.error = halt.error, reported(halt.error, directory)
        _tell_rest(spec, directory, progress, described(halt.error), told)
        if halt.error is error:
            raise error
        raise halt.error from error
    halt.incomplete |= not whole
    if halt.code or not whole:
        _tell_rest(spec, directory, progress, halt.reason or "not all trials could be run", told)
    return whole


def _tell_rest(spec: SweepSpec, directory: Path, progress: Progress, why: str, told: bool) -> None:
    """Why a sweep stopped, and how to go on."""
    go_on = f". What was finished is kept; to go on: {commands(spec, directory, None)['resume']}" if told else ""
    progress.note(f"{'' if told else f'{spec.name} '}stopped before the end: {why}{go_on}")


def _validate(
    prepared: Prepared,
    study: optuna.Study,
    directory: Path,
    share: Share,
    progress: Progress,
    halt: Halt,
    trainable: type[CoftTrainable],
) -> bool:
    """Run the best configuration and the reference on fresh episodes, if that was asked for. Whether all of that is
    done."""
    asked, best = prepared.spec.validation, best_trial(study)
    if asked.episodes == 0 or best is None:
        return True
    if halt.stop_all():
        return False
    spec = validation.specification(prepared.spec, study.trials[best], halt.left)
    folder = validation.folder(directory, best, asked)
    progress.note(f"trial {best} is the best; validating it on {asked.episodes} fresh support set(s)")
    write_spec(spec, folder)
    with driving(folder):
        fresh = validation.prepare(prepared, spec)
        return _drive(fresh, folder, share, progress.console, trainable, halt, told=False)


def _headline(summary: Summary) -> dict[str, float | int | str]:
    """What the sweep's own run in MLflow shows."""
    facts: dict[str, float | int | str] = {f"trials_{what}": count for what, count in summary.trials.items()}
    if summary.best is not None:
        best = summary.best
        facts |= {
            "best_trial": best.trial,
            "search_auroc": best.search_auroc,
            "test_auroc": best.test_auroc,
            "test_auroc_low": best.test_interval[0],
            "test_auroc_high": best.test_interval[1],
            "protocol": summary.protocol,
        }
    return facts
