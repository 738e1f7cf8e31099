"""Private parts of Ray and Optuna that a sweep relies on, and what for.

A release may rename them at any time, and a patch of a method that nobody calls any more changes nothing and says
nothing. So each is looked at before a sweep begins.
"""

import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

from coftad.types import InputError

TESTED = {"ray": ">=2.60,<2.61", "optuna": ">=5.0,<5.1"}
"""The versions that the tests pass with; pyproject.toml has the same."""


@dataclass(frozen=True)
class Private:
    """`name` (dotted) in `module`. parameters: of a function, in order. mentions: names that its code has to use, such
    as the attributes that an `__init__` sets. use: what breaks without it."""

    module: str
    name: str
    use: str
    parameters: tuple[str, ...] | None = None
    mentions: tuple[str, ...] = ()

    @property
    def distribution(self) -> str:
        return self.module.partition(".")[0]

    def problem(self) -> str | None:
        """What is not as it was; None if nothing is."""
        try:
            found = importlib.import_module(self.module)
            for word in self.name.split("."):
                found = getattr(found, word)
        except (ImportError, AttributeError):
            return f"{self.module}.{self.name} is missing"
        if self.parameters is not None and tuple(inspect.signature(found).parameters) != self.parameters:  # type: ignore[arg-type]
            return f"{self.module}.{self.name} takes other parameters than {', '.join(self.parameters)}"
        code = getattr(inspect.unwrap(found), "__code__", None) if self.mentions else None  # type: ignore[arg-type]
        known = () if code is None else (*code.co_names, *code.co_varnames)
        missing = [name for name in self.mentions if name not in known]
        return f"{self.module}.{self.name} has no {missing[0]}" if missing else None


_DEATHS = "trials whose worker died are retried"
_STAGING = "a sweep runs through Ray's client (ray://)"
_TRANSACTIONS = "a trial is written to study.db as a whole or not at all"
_ASKING = "a study is asked for its next trial without a look through all others"

RAY = (
    Private(
        "ray.air.execution._internal.actor_manager",
        "RayActorManager._actor_task_failed",
        _DEATHS,
        ("self", "tracked_actor_task", "exception"),
    ),
    Private(
        "ray.air.execution._internal.tracked_actor_task",
        "TrackedActorTask.__init__",
        _DEATHS,
        None,
        ("_tracked_actor",),
    ),
    Private(
        "ray.tune.execution.tune_controller",
        "TuneController._process_trial_failure",
        _DEATHS,
        ("self", "trial", "exception"),
    ),
    Private("ray.tune.execution.tune_controller", "TuneController.__init__", _DEATHS, None, ("_resetting_trials",)),
    Private(
        "ray.tune.execution.tune_controller",
        "TuneController._unstage_trial_with_resources",
        _DEATHS,
        ("self", "trial"),
    ),
    Private(
        "ray.tune.execution.tune_controller", "TuneController._set_trial_status", _DEATHS, ("self", "trial", "status")
    ),
    Private("ray.train._internal.storage", "_get_ray_train_session_dir", _STAGING, ()),
    Private("ray.tune.impl.tuner_internal", "TunerInternal.__init__", _STAGING, None, ("_tuner_kwargs",)),
    Private("ray.tune.tune", "run", _STAGING, None, ("_remote",)),
    Private("ray.util.client", "ray", _STAGING),
    Private(
        "ray._raylet",
        "AuthenticationTokenLoader.reset_cache",
        "a Ray of our own has a token of its own",
    ),
)
OPTUNA = (
    Private("optuna", "Study.__init__", _ASKING, None, ("_storage", "_study_id", "_thread_local")),
    Private("optuna", "Study.ask", _ASKING, None, ("cached_all_trials",)),
    Private("optuna", "Trial.__init__", _ASKING, ("self", "study", "trial_id")),
    Private("optuna.storages", "BaseStorage.create_new_trial", _ASKING, ("self", "study_id", "template_trial")),
    Private("optuna.storages", "RDBStorage.__init__", _TRANSACTIONS, None, ("engine", "scoped_session")),
    Private("optuna.storages", "RDBStorage.set_trial_user_attr", _TRANSACTIONS, None, ("scoped_session",)),
    Private("optuna.trial", "FrozenTrial.__init__", "what a driver left behind is noted", None, ("_trial_id",)),
    Private(
        "optuna.storages",
        "BaseStorage.set_trial_user_attr",
        "what a driver left behind is noted",
        ("self", "trial_id", "key", "value"),
    ),
    Private(
        "optuna.storages",
        "BaseStorage.set_trial_intermediate_value",
        "what a driver left behind is noted",
        ("self", "trial_id", "step", "intermediate_value"),
    ),
)


def check(parts: Iterable[Private]) -> None:
    """Raise InputError, in one sentence, for the first part that is not as it was."""
    for part in parts:
        if problem := part.problem():
            name = part.distribution
            raise InputError(
                f"{name} {version(name)} does not fit: {problem}, by which {part.use}; "
                f"install the version that was tested: pip install '{name}{TESTED[name]}'"
            )
