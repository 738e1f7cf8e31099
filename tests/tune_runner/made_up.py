"""Complete trials of studies that nobody ran, with effects that are known."""

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState


def planted(count, seed=0):
    """AUROC = 0.6 + 0.2 [backbone = b] + 0.05 [n_a = 10] + noise; lambda does nothing."""
    generator = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        backbone, weight = str(generator.choice(["a", "b"])), float(generator.uniform(0, 1))
        base = 0.6 + 0.2 * (backbone == "b") + generator.normal(0, 0.03)
        rows = [
            {"n_a": n_a, "scorer": "gaussian", "auroc": base + 0.05 * (n_a == 10) + generator.normal(0, 0.002)}
            for n_a in (1, 10)
        ]
        trials.append(
            optuna.trial.create_trial(
                params={"backbone": backbone, "lambda": weight},
                distributions={"backbone": CategoricalDistribution(["a", "b"]), "lambda": FloatDistribution(0, 1)},
                value=max(row["auroc"] for row in rows),
                user_attrs={"rows": rows},
            )
        )
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)  # which gives each its number
    return study.get_trials()


def study_of(values, params, distributions, rows=()):
    """Complete trials with these values and parameters."""
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=given,
                distributions={name: distributions[name] for name in given},
                value=float(value),
                user_attrs={"rows": list(rows)},
            )
            for value, given in zip(values, params, strict=True)
        ]
    )
    return study.get_trials()


def on_episodes(aurocs, params, distributions):
    """Trials with these AUROCs in their first episodes: dropped ones, where others have more."""
    every = max(map(len, aurocs))
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                state=TrialState.COMPLETE if len(own) == every else TrialState.PRUNED,
                params=given,
                distributions={name: distributions[name] for name in given},
                value=float(np.mean(own)),
                user_attrs={"rows": [], "per_episode": [float(auroc) for auroc in own]},
            )
            for own, given in zip(aurocs, params, strict=True)
        ]
    )
    return study.get_trials()
