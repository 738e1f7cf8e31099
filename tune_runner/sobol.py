"""Points that cover a space with branches evenly.

Optuna's `QMCSampler` takes the parameters of the first trial for the whole space. Ours begin with the reference, so the
settings of every branch that it does not take would be drawn by another sampler, which is made anew for each
suggestion: always the same value. Here the sequence runs over all parameters of all branches, and a configuration takes
those that it has.
"""

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import QMCSampler
from optuna.trial import FrozenTrial

from tune_runner.quiet import ignore_warning
from tune_runner.space import KINDS, Space, optuna_name, scratch, walk


class Sobol(QMCSampler):
    """One scrambled sequence for a seed: a sampler made later goes on where the study's last point was."""

    def __init__(self, space: Space, *, seed: int) -> None:
        ignore_warning("QMCSampler is experimental", ExperimentalWarning)  # a stable sequence since Optuna 3.0
        super().__init__(seed=seed, scramble=True, warn_independent_sampling=False)
        self._everything = distributions(space)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._everything


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Of every training parameter at any depth, by Optuna's names."""
    trial = scratch().ask()  # its values are not used
    for prefix, name, parameter in walk(space.parameters):
        if KINDS[name] == "training":
            parameter.sample(trial, optuna_name(prefix, name, parameter))
    return trial.distributions
