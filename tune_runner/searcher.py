"""The Optuna study as a Ray Tune Searcher. The study's storage is the only truth about trials.

Ray asks here for configurations; `callback.py` tells results as soon as they are recorded. Each trial in the storage
carries Ray's trial id, what its objective came to after each episode, and every end has its own state: COMPLETE, PRUNED
(stopped by the scheduler), FAIL with a `reason`.
A trial that was only interrupted fails with the reason `interrupted`, and its parameters wait in the queue for the
next driver.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from ray.tune.search import Searcher

from coftad.seeding import derive
from tune_runner.checksums import end_trial
from tune_runner.designs import DESIGNS, key, points
from tune_runner.metric_names import name_metric
from tune_runner.sobol import Sobol
from tune_runner.space import Space, as_written, suggest, training_config
from tune_runner.spec import SweepSpec
from tune_runner.trainable import TRIAL_CONFIG
from tune_runner.transactions import joinable_study, together
from tune_runner.trial_state import DUPLICATE, INTERRUPTED, counted, counts

# So many repeated suggestions in a row mean that the space has nothing new to offer.
MOST_DUPLICATES = 200


def sampler(name: str, space: Space, *, seed: int, number: int) -> BaseSampler:
    """A fresh sampler for suggestion `number`, which does not count configurations that run again: it depends on the
    study and the seed only, so that a resumed sweep goes on as an undisturbed one would. Sobol's keeps its seed,
    because its points are one scrambled sequence."""
    own = derive(seed, "sampler", number) % 2**32
    match name:
        case "tpe":
            return TPESampler(seed=own)
        case "gp":
            return GPSampler(seed=own)
        case "sobol" | "qmc":
            return Sobol(space, seed=derive(seed, "sampler") % 2**32)
    if name == "random" or name in DESIGNS:  # a design is enqueued whole; the sampler is never asked
        return RandomSampler(seed=own)
    raise ValueError(f"unknown sampler {name!r}")


def create_or_load(storage: str, name: str, metric: str = "search AUROC") -> optuna.Study:
    """metric: what the study maximises, as optuna-dashboard and Optuna's own tables call it."""
    study = joinable_study(storage, name)
    name_metric(study, [metric])
    return study


@dataclass(frozen=True)
class Asked:
    """A running trial. number and params are kept here because Optuna would read them from the storage each time, and
    so are the numbers of episodes after which a value was reported: a trial whose worker died begins again."""

    trial: optuna.Trial
    number: int
    params: dict[str, Any]
    reported: set[int] = field(default_factory=set)


def _report(asked: Asked, episodes: int, value: float) -> None:
    if episodes not in asked.reported:
        asked.trial.report(value, step=episodes)
        asked.reported.add(episodes)


class StudySearcher(Searcher):
    """Suggests until `spec.budget.trials` trials of the study count. Never raises into Tune."""

    def __init__(self, study: optuna.Study, spec: SweepSpec) -> None:
        super().__init__(metric="objective", mode="max")
        self.study = study
        self.spec = spec
        self.space: Space = spec.space
        self.running: dict[str, Asked] = {}
        self.error: Exception | None = None  # of the storage, such as a full disk; nothing is suggested any more
        self.exhausted = False
        trials = study.get_trials(deepcopy=False)
        self.done = counted(trials)
        self._seen = {key(trial.params): trial.number for trial in trials if counts(trial)}
        self._designed = spec.search.sampler in DESIGNS
        known = {key({**trial.system_attrs.get("fixed_params", {}), **trial.params}) for trial in trials}
        with together(study):  # a part of a design would pass for the whole one
            for point in points(self.space, spec.search)[: spec.budget.trials]:
                if key(point) not in known:  # the budget may be larger than it was
                    study.enqueue_trial(point)
        trials = study.get_trials(deepcopy=False)
        # no other driver adds any
        self._suggested = sum("retry_of" not in trial.user_attrs for trial in trials)
        self._waiting = sum(trial.state == TrialState.WAITING for trial in trials)

    @property
    def remaining(self) -> int:
        return self.spec.budget.trials - self.done

    @property
    def more(self) -> bool:
        """Whether there is anything left that could be suggested."""
        return self.remaining > len(self.running) and not self.exhausted and self.error is None

    # Tune pickles its searcher into snapshots that we never read: the study is in its own storage.
    def __getstate__(self) -> dict[str, Any]:
        return {}

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        pass

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        try:
            return self._suggest(trial_id)
        except Exception as error:
            self.error = error
            return Searcher.FINISHED

    def _suggest(self, trial_id: str) -> dict[str, Any] | str:
        if not self.more:
            return Searcher.FINISHED
        for _ in range(MOST_DUPLICATES):
            if self._designed and not self._waiting:
                break
            with together(self.study):
                asked, config = self._ask(trial_id)
            if self._waiting:
                self._waiting -= 1
            else:
                self._suggested += 1
            if config is not None:
                self._seen[key(asked.params)] = asked.number
                self.running[trial_id] = asked
                return config
        self.exhausted = True
        return Searcher.FINISHED

    def _ask(self, trial_id: str) -> tuple[Asked, dict[str, Any] | None]:
        """The next trial and its configuration, None if that repeats another one's."""
        # A queued configuration is complete: it must not use up a point of the sampler's sequence.
        name = "random" if self._waiting else self.spec.search.sampler
        self.study.sampler = sampler(name, self.space, seed=self.spec.seed, number=self._suggested)
        trial = self.study.ask() if self._waiting else self._new_trial()
        suggestion = suggest(self.space, trial)
        asked = Asked(trial, trial.number, trial.params)
        if (earlier := self._seen.get(key(asked.params))) is not None:
            self._fail(trial, DUPLICATE, f"the same configuration as trial {earlier}")
            return asked, None
        trial.set_user_attr("ray_trial", trial_id)
        for written, value in as_written(self.space, asked.params).items():
            if written not in asked.params:  # for who opens the storage: Optuna keeps another parameter in its place
                trial.set_user_attr(written, value)
        config = training_config(self.space, self.spec.trainer_values, suggestion)
        return asked, {"number": asked.number, "trial": TRIAL_CONFIG.dump_python(config, mode="json")}

    def _new_trial(self) -> optuna.Trial:
        """`Study.ask` without its look through all trials for one that waits, which takes the longer the more there
        are; here it is known that there is none."""
        self.study._thread_local.cached_all_trials = None  # the samplers' own; `ask` has them read anew, too
        return optuna.Trial(self.study, self.study._storage.create_new_trial(self.study._study_id))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: `callback.py` calls `complete` or `fail`, because it knows the reason."""

    def report(self, trial_id: str, episodes: int, value: float) -> None:
        """The objective over the first `episodes` of a running trial, for who watches the study. The samplers read of
        these only the last one of a pruned trial, which is its value."""
        if (asked := self.running.get(trial_id)) is not None:
            _report(asked, episodes, value)

    def complete(
        self, trial_id: str, value: float, attributes: dict[str, Any], *, pruned: bool, running: Sequence[float] = ()
    ) -> None:
        """running: the objective after each episode, to be reported as far as it was not."""
        asked = self.running.pop(trial_id)
        trial = asked.trial
        with together(self.study):
            for episodes, mean in {**dict(enumerate(running, 1)), int(attributes["episodes"]): value}.items():
                _report(asked, episodes, mean)
            for name, attribute in attributes.items():
                trial.set_user_attr(name, attribute)
            if pruned:
                end_trial(self.study, trial, TrialState.PRUNED)
            else:
                end_trial(self.study, trial, TrialState.COMPLETE, value)
        self.done += 1

    def fail(self, trial_id: str, why: str, detail: str) -> None:
        asked = self.running.pop(trial_id)
        with together(self.study):
            self._fail(asked.trial, why, detail)
            if why == INTERRUPTED:
                self.study.enqueue_trial(asked.params, user_attrs={"retry_of": asked.number})
        if why == INTERRUPTED:
            self._waiting += 1
            self._seen.pop(key(asked.params), None)
        else:
            self.done += 1

    def _fail(self, trial: optuna.Trial, why: str, detail: str) -> None:
        trial.set_user_attr("reason", why)
        trial.set_user_attr("detail", detail[:2000])
        end_trial(self.study, trial, TrialState.FAIL)
