"""The name of what a study maximises, for those who open its storage."""

import warnings

import optuna
from optuna.exceptions import ExperimentalWarning


def name_metric(study: optuna.Study, names: list[str]) -> None:
    """`Study.set_metric_names`, without its warning, unless they are set: studies of earlier versions lack them."""
    if study.metric_names != names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(names)
