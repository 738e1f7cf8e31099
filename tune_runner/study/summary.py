"""What a sweep found: the best configuration on held-out `test`, and which settings mattered.

`test` is opened here and in what this calls, for reports: nothing is chosen by it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from tune_runner.objective import Objective
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.space import as_written
from tune_runner.study import ablated
from tune_runner.study.binned import Means, means
from tune_runner.study.curves import Curve, along, within
from tune_runner.study.effects import Effect, TooFew, effects
from tune_runner.study.importance import ENOUGH_TRIALS, FEWEST_TRIALS, Branch, branches
from tune_runner.study.interactions import Interaction, interactions
from tune_runner.study.label_free import Verdict, verdicts
from tune_runner.study.noise import Noise, noise, replicates
from tune_runner.study.optimism import Optimism, optimism
from tune_runner.study.scored import auroc_interval, best_value, completed, evaluated, measured, rows, search_auroc
from tune_runner.study.trainings import trainings
from tune_runner.study.validated import Validated, against_reference, fine_tuning, validated
from tune_runner.study.versus import Versus, noise_on_search, noise_on_test
from tune_runner.trial_state import counts, reason
from tune_runner.written import written_trials


@dataclass(frozen=True)
class Best:
    """The configuration with the highest mean of `chosen_by`, of so many `candidates`: rows of complete trials.
    Intervals: 95 %, over images and, from two on, support sets."""

    trial: int
    parameters: dict[str, Any]
    row: dict[str, Any]
    search_auroc: float
    search_interval: tuple[float, float]
    test_auroc: float
    test_interval: tuple[float, float]
    test_per_episode: tuple[float, ...]
    chosen_by: Objective
    candidates: int = 1


@dataclass(frozen=True)
class Summary:
    name: str
    banner: str
    protocol: str
    trials: dict[str, int]  # by how they ended
    failures: dict[str, int]  # by reason
    best: Best | None
    effects: list[Effect]
    too_few: list[TooFew]
    curves: list[Curve]
    caution: str
    commands: dict[str, str]
    shared: bool = False  # whether search and test are one pool of images, as in the paper
    branches: list[Branch] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)
    noise: Noise | None = None
    means: list[Means] = field(default_factory=list)
    against_reference: Versus | None = None
    fine_tuning: tuple[Versus, ...] = ()
    validation: Validated | None = None
    optimism: Optimism | None = None
    ablation: tuple[Versus, ...] = ()
    label_free: list[Verdict] = field(default_factory=list)


def summarise(
    prepared: Prepared,
    study: optuna.Study,
    records: Records,
    commands: dict[str, str],
    *,
    importance: bool = True,
) -> Summary:
    """importance: also shares of importance, which take most of the time and claim nothing."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
    done = completed(study)
    best = max(done, key=_rank, default=None)
    seed = prepared.spec.seed
    compared = trainings(written_trials(prepared.spec.space, evaluated(study)), records) if done else []
    on_search = noise_on_search(prepared, compared)
    on_test = noise_on_test(prepared, records, compared)
    tested, few = effects(compared)
    failures: dict[str, int] = {}
    for trial in trials:
        if trial.state == TrialState.FAIL:
            failures[str(reason(trial))] = failures.get(str(reason(trial)), 0) + 1
    candidates = sum(len(trial.user_attrs["rows"]) for trial in done)
    inputs = (prepared, evaluated(study), best, records, on_test, candidates) if best else None
    return Summary(
        name=prepared.spec.name,
        banner=study.user_attrs.get("banner", prepared.banner),
        protocol=_protocol(prepared),
        trials={
            "complete": len(done),
            "pruned": sum(trial.state == TrialState.PRUNED for trial in trials),
            "failed": sum(failures.values()),
        },
        failures=failures,
        best=_best(prepared, best, records, candidates) if best else None,
        against_reference=against_reference(*inputs) if inputs else None,
        fine_tuning=fine_tuning(*inputs) if inputs else (),
        validation=validated(prepared, best, records.directory, on_test) if best else None,
        optimism=optimism(prepared, done, best, records) if best else None,
        label_free=verdicts(prepared, done, records, on_test, seed=seed) if best else [],
        ablation=ablated.steps(prepared, done, records, on_test),
        effects=tested,
        too_few=few,
        branches=branches(compared, seed=seed) if compared and importance else [],
        interactions=interactions(compared, seed=seed) if compared else [],
        noise=noise(replicates(compared), seed=seed) if compared else None,
        means=means(compared) if compared else [],
        curves=[*along(prepared, done, records, on_search), *within(compared, on_search)],
        caution=_caution(len(done)),
        commands=commands,
        shared=prepared.episodes[0].shared,
    )


def best_trial(study: optuna.Study) -> int | None:
    """The number of the trial with the highest value of the objective; None before there is one."""
    done = completed(study)
    return max(done, key=_rank).number if done else None


def _rank(trial: FrozenTrial) -> tuple[float, int]:
    """By the objective; of equals the first."""
    return best_value(trial), -trial.number


def _protocol(prepared: Prepared) -> str:
    episode, labels = prepared.episodes[0], prepared.image_set.labels
    shots = f"{len(episode.train_rows)}-shot, {len(prepared.episodes)} episode(s)"
    normal, anomalous = (int(np.count_nonzero(labels[episode.test_rows] == label)) for label in (0, 1))
    objective = prepared.spec.objective
    unlabelled = objective != "auroc"
    if episode.shared:
        told = f"search and test are one pool of {normal} normal and {anomalous} anomalous images, as in the paper"
        if not unlabelled:
            told += ": the best configuration's AUROC is optimistic, because it was chosen on these images"
    else:
        told = f"test: {normal} normal and {anomalous} anomalous images that no search has seen"
    by = f"; chosen by {objective}: no labels were used to choose" if unlabelled else ""
    provenance = prepared.image_set.provenance
    partial, copies = provenance.get("partial"), provenance.get("copies")
    part = f". Only a part of the data set was there: {partial}" if partial else ""
    same = f". Of the images, {copies}" if copies else ""
    return f"{shots}; {told}{by}{part}{same}"


def _caution(count: int) -> str:
    few = f"{count} trials are few: importance shares settle at about {ENOUGH_TRIALS} trials"
    few = f"{few}, and are left out below {FEWEST_TRIALS}. " if count < ENOUGH_TRIALS else ""
    return (
        f"{few}Differences are of search AUROC, on the images and support sets of this sweep. The two levels of a "
        "setting were selected on the same data, so the size of a difference is optimistic; one that is not shown is "
        "inconclusive, not absent."
    )


def _best(prepared: Prepared, trial: FrozenTrial, records: Records, candidates: int = 1) -> Best:
    chosen = trial.user_attrs["best_row"]
    episodes = records.of(trial.number)
    row = rows(episodes[0]).index(chosen)
    search = measured(prepared, records, episodes, row, "search_rows")
    test = measured(prepared, records, episodes, row, "test_rows")
    return Best(
        trial=trial.number,
        parameters=as_written(prepared.spec.space, trial.params),
        row=chosen,
        search_auroc=search_auroc(trial),
        search_interval=auroc_interval(search),
        test_auroc=test.mean,
        test_interval=auroc_interval(test),
        test_per_episode=tuple(map(float, test.aurocs)),
        chosen_by=prepared.spec.objective,
        candidates=candidates,
    )
