"""The Optuna study as a Ray Tune Searcher. The study's storage is the only truth about trials.

Ray asks here for configurations; `run.py` tells results as soon as they are recorded. Each trial in the storage carries
Ray's trial id, and every end has its own state: COMPLETE, PRUNED (stopped by the scheduler), FAIL with a `reason`.
A trial that was only interrupted fails with the reason `interrupted`, and its parameters wait in the queue for the
next driver.
"""

import logging
import warnings
from collections.abc import Iterable
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search import Searcher

from coftad.seeding import derive
from tune_runner.space import Space, enumerate_training, suggest, training_config
from tune_runner.spec import SweepSpec
from tune_runner.trainable import TRIAL_CONFIG

log = logging.getLogger(__name__)

INTERRUPTED = "interrupted"
DUPLICATE = "duplicate"
_NOT_COUNTED = (INTERRUPTED, DUPLICATE)

# So many repeated suggestions in a row mean that the space has nothing new to offer.
MOST_DUPLICATES = 200


def sampler(name: str, *, seed: int, number: int) -> BaseSampler:
    """A fresh sampler for suggestion `number`: it depends on the study and the seed only, so that a resumed sweep goes
    on as an undisturbed one would. QMC keeps its seed, because its points are one scrambled sequence."""
    own = derive(seed, "sampler", number) % 2**32
    match name:
        case "tpe":
            return TPESampler(seed=own)
        case "gp":
            return GPSampler(seed=own)
        case "qmc":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # a stable sequence since Optuna 3.0
                return QMCSampler(seed=derive(seed, "sampler") % 2**32, scramble=True, warn_independent_sampling=False)
        case "random" | "grid":  # a grid is enqueued whole; the sampler is never asked
            return RandomSampler(seed=own)
    raise ValueError(f"unknown sampler {name!r}")


def create_or_load(storage: str, name: str) -> optuna.Study:
    return optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)


def reason(trial: FrozenTrial) -> str | None:
    return trial.user_attrs.get("reason")


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of the number the sweep was asked for: ended, and not merely interrupted or repeated."""
    return trial.state.is_finished() and reason(trial) not in _NOT_COUNTED


def counted(trials: Iterable[FrozenTrial]) -> int:
    return sum(map(counts, trials))


class StudySearcher(Searcher):
    """Suggests until `spec.budget.trials` trials of the study count. Never raises into Tune."""

    def __init__(self, study: optuna.Study, spec: SweepSpec) -> None:
        super().__init__(metric="auroc", mode="max")
        self.study = study
        self.spec = spec
        self.space: Space = spec.space
        self.running: dict[str, optuna.Trial] = {}
        self.stopped = False
        self.exhausted = False
        trials = study.get_trials(deepcopy=False)
        self.done = counted(trials)
        self._seen = {_key(trial.params): trial.number for trial in trials if counts(trial)}
        if spec.search.sampler == "grid" and not trials:
            for point in enumerate_training(self.space)[: spec.budget.trials]:
                study.enqueue_trial(point)

    @property
    def remaining(self) -> int:
        return self.spec.budget.trials - self.done

    # Tune pickles its searcher into snapshots that we never read: the study is in its own storage.
    def __getstate__(self) -> dict[str, Any]:
        return {}

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        pass

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.stopped or self.exhausted or self.done + len(self.running) >= self.spec.budget.trials:
            return Searcher.FINISHED
        for _ in range(MOST_DUPLICATES):
            number = len(self.study.get_trials(deepcopy=False))
            if self.spec.search.sampler == "grid" and not self._queued():
                break
            self.study.sampler = sampler(self.spec.search.sampler, seed=self.spec.seed, number=number)
            trial = self.study.ask()
            suggestion = suggest(self.space, trial)
            key = _key(trial.params)
            if key not in self._seen:
                self._seen[key] = trial.number
                trial.set_user_attr("ray_trial", trial_id)
                self.running[trial_id] = trial
                config = training_config(self.space, self.spec.trainer_values, suggestion)
                return {"number": trial.number, "trial": TRIAL_CONFIG.dump_python(config, mode="json")}
            self._fail(trial, DUPLICATE, f"the same configuration as trial {self._seen[key]}")
        self.exhausted = True
        log.info("the space has no configuration left that was not tried")
        return Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Told by run.py instead, which knows the reason."""

    def complete(self, trial_id: str, value: float, attributes: dict[str, Any], *, pruned: bool) -> None:
        trial = self.running.pop(trial_id)
        for name, attribute in attributes.items():
            trial.set_user_attr(name, attribute)
        if pruned:
            trial.report(value, step=int(attributes["episodes"]))
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, value)
        self.done += 1

    def fail(self, trial_id: str, why: str, detail: str) -> None:
        trial = self.running.pop(trial_id)
        self._fail(trial, why, detail)
        if why == INTERRUPTED:
            self.study.enqueue_trial(trial.params, user_attrs={"retry_of": trial.number})
            self._seen.pop(_key(trial.params), None)
        else:
            self.done += 1

    def _fail(self, trial: optuna.Trial, why: str, detail: str) -> None:
        trial.set_user_attr("reason", why)
        trial.set_user_attr("detail", detail[:2000])
        self.study.tell(trial, state=TrialState.FAIL)

    def _queued(self) -> bool:
        return any(trial.state == TrialState.WAITING for trial in self.study.get_trials(deepcopy=False))


def requeue_interrupted(study: optuna.Study) -> int:
    """Close the trials that a killed driver left RUNNING and queue their configurations again. Their number."""
    zombies = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for zombie in zombies:
        study._storage.set_trial_user_attr(zombie._trial_id, "reason", INTERRUPTED)
        study._storage.set_trial_user_attr(zombie._trial_id, "detail", "the driver ended while it ran")
        study.tell(zombie.number, state=TrialState.FAIL)
        study.enqueue_trial(zombie.params, user_attrs={"retry_of": zombie.number})
    return len(zombies)


def _key(params: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, repr(value)) for name, value in params.items()))
