"""Functional ANOVA of regression trees: how much of AUROC's variance each parameter explains by itself.

Hutter, Hoos & Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014. A tree is
fitted to the trials; its mean over all parameters but one, as a function of that one, has a variance, and the share of
that in the whole tree's is the parameter's.

Optuna's evaluator computes the same from its forest. It is not used here because it gives no interval, and takes 3 s
for one forest on 200 trials, growing with the square of their number; the shares of our trees are Optuna's (tested). On
two things we differ. Each of our trees is fitted to one bootstrap draw of trials and episodes, so that the spread of
its share over the trees is the interval, a wide one as a single tree varies more than their mean. And a parameter that
is sampled on a logarithmic scale is averaged on that scale, and a choice over its values, not over combinations of
several at once.

A tree also fits noise: even a dead parameter has a share, and shares don't sum to one.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial
from sklearn.tree import DecisionTreeRegressor

from coftad.seeding import derive, numpy_generator
from tune_runner.study.paired import Paired

Floats = NDArray[np.float64]

TREES = 100


def first_order(trials: Paired, parameters: Sequence[str], *, seed: int) -> Floats:
    """(TREES, D) shares in [0, 1], of parameters that all of the trials have. Fewer trees where all AUROCs of a draw
    are the same."""
    generator = numpy_generator(seed, "fanova")
    count = len(trials.trials)
    unit_TD = np.column_stack([unit(trials.trials, name) for name in parameters])
    found = []
    for index, episodes_E in enumerate(trials.draw_episodes(generator, TREES)):
        drawn = generator.integers(count, size=count)
        values = trials.drawn_values(drawn, episodes_E)
        there = np.isfinite(values)
        if there.any() and np.ptp(values[there]) > 0:
            tree = DecisionTreeRegressor(random_state=derive(seed, "fanova", index) % 2**32)
            found.append(tree_shares(tree.fit(unit_TD[drawn[there]], values[there])))
    return np.array(found).reshape(-1, len(parameters))


def tree_shares(fitted: DecisionTreeRegressor) -> Floats:
    """(D,) shares of a tree that was fitted on parameters in [0, 1]."""
    low_LD, high_LD, value_L = _leaves(fitted)
    width_LD = high_LD - low_LD
    volume_L = width_LD.prod(1)
    mean = float(volume_L @ value_L)
    total = float(volume_L @ (value_L - mean) ** 2)
    shares = np.zeros(width_LD.shape[1])
    for parameter in range(len(shares)):
        low_L, high_L = low_LD[:, parameter], high_LD[:, parameter]
        cuts, at = np.unique(np.concatenate([low_L, high_L]), return_inverse=True)
        weight_L = value_L * volume_L / width_LD[:, parameter]
        # each leaf adds its weight from where it begins to where it ends
        steps = np.bincount(at, np.concatenate([weight_L, -weight_L]), minlength=len(cuts))
        marginal = np.cumsum(steps)[:-1]
        shares[parameter] = np.diff(cuts) @ (marginal - mean) ** 2 / total if total > 0 else 0.0
    return shares


def _leaves(fitted: DecisionTreeRegressor) -> tuple[Floats, Floats, Floats]:
    """(L, D) lower and upper ends of the leaves' boxes, which fill the unit cube, and their (L,) values."""
    tree = fitted.tree_
    low_ND, high_ND = np.zeros((tree.node_count, tree.n_features)), np.ones((tree.node_count, tree.n_features))
    nodes = np.array([0])
    while len(nodes := nodes[tree.children_left[nodes] >= 0]):  # one depth after another
        left, right = tree.children_left[nodes], tree.children_right[nodes]
        for children in (left, right):
            low_ND[children], high_ND[children] = low_ND[nodes], high_ND[nodes]
        high_ND[left, tree.feature[nodes]] = tree.threshold[nodes]
        low_ND[right, tree.feature[nodes]] = tree.threshold[nodes]
        nodes = np.concatenate([left, right])
    leaves = tree.children_left < 0
    return low_ND[leaves], high_ND[leaves], tree.value[leaves, 0, 0]


def unit(trials: Sequence[FrozenTrial], name: str) -> Floats:
    """(T,) where each trial's value lies in the parameter's range, in [0, 1] on the scale that it was sampled on. Each
    value of a choice, and each step, has an equal part."""
    distribution = trials[0].distributions[name]
    values = [trial.params[name] for trial in trials]
    if isinstance(distribution, CategoricalDistribution):
        places = np.array([distribution.to_internal_repr(value) for value in values])
        return (places + 0.5) / len(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    half = (distribution.step or 0) / 2
    scale = math.log if distribution.log else float
    low, high = scale(distribution.low - half), scale(distribution.high + half)
    return (np.array([scale(value) for value in values]) - low) / (high - low)
