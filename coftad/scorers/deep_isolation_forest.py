"""Deep isolation forest (Xu, Pang, Wang, Wang: Deep Isolation Forest for Anomaly Detection, TKDE 2023; Table VIII).

Random, untrained networks map the features to many representations; isolation trees grow on each; a score says how
soon an image is isolated and how far from the cuts it lies. All sizes are those of the authors' code. It differs so:

- Representations are standardised by the support set. The authors' code and PyOD's standardise what is scored by what
  else is scored at the time, so that an image would have another score in other company, and a single one none.
- Every representation has a network of its own; the authors' also share one among all, which saves them weights.
- All randomness comes from the seed given, and none from the global state.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.tree import ExtraTreeRegressor
from sklearn.utils import assert_all_finite
from torch import Tensor

from coftad.seeding import numpy_generator, torch_generator

READS = frozenset({"n_a", "l2_norm"})  # fields of Scoring

REPRESENTATIONS = 50
TREES = 6  # on each representation
SAMPLES = 256  # a tree's, at most
HIDDEN = (500, 100)
OUT = 20

Floats = NDArray[np.float32] | NDArray[np.float64]


def fit(support_ND: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    """A function from (M, D) features to (M,) scores >= 0, float64: deviation-enhanced (DEAS), averaged over
    representations; higher is more anomalous. All zero where the N support features coincide: nothing can be isolated
    from one point. Raises ValueError where they are not finite."""
    assert_all_finite(support_ND.numpy())  # trees would take it for missing values
    draws, seeds = torch_generator(seed, "representations"), numpy_generator(seed, "trees")
    forests = []
    for _ in range(REPRESENTATIONS):
        represent = _standardised(support_ND, _weights(support_ND.shape[1], draws))
        forests.append((represent, _grow(represent(support_ND), seeds)))

    def score(z_MD: Tensor) -> Tensor:
        scores = np.zeros(len(z_MD))
        for represent, forest in forests:
            scores += _deviation_enhanced(forest, represent(z_MD))
        return torch.from_numpy(scores / REPRESENTATIONS)

    return score


def _standardised(support_ND: Tensor, weights: Sequence[Tensor]) -> Callable[[Tensor], Floats]:
    """From features to a representation in which the support has mean 0 and deviation 1, squashed by tanh."""
    support = _represent(support_ND, weights)
    mean, spread = support.mean(0), support.std(0, correction=0)
    spread[spread == 0] = 1
    return lambda z_MD: ((_represent(z_MD, weights) - mean) / spread).tanh().numpy()


def _weights(d: int, draws: torch.Generator) -> list[Tensor]:
    sizes = (d, *HIDDEN, OUT)
    return [torch.empty(sizes[i : i + 2]).normal_(generator=draws) for i in range(len(sizes) - 1)]


def _represent(z_MD: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """(M, OUT) float32: layers without bias, tanh between them."""
    *hidden, last = weights
    z = z_MD.float()
    for weight in hidden:
        z = (z @ weight).tanh()
    return z @ last


@dataclass(frozen=True)
class _Forest:
    """samples: those that each tree was grown on."""

    trees: Sequence[ExtraTreeRegressor]
    samples: int


def _grow(support_NR: Floats, seeds: np.random.Generator) -> _Forest:
    samples = min(SAMPLES, len(support_NR))
    draws = (seeds.permutation(len(support_NR))[:samples] for _ in range(TREES))
    return _Forest([_tree(support_NR[rows], seeds) for rows in draws], samples)


def _deviation_enhanced(forest: _Forest, z_MR: Floats) -> Floats:
    """(M,): 2 ** -(mean path length / that of an average point) * (mean distance to the cuts on the path)."""
    lengths, deviations = np.zeros((2, len(z_MR)))
    for tree in forest.trees:
        length, deviation = _isolate(tree, z_MR)
        lengths += length / TREES
        deviations += deviation / TREES
    return 2 ** (-lengths / max(_average_length(np.array([forest.samples]))[0], 1)) * deviations


def _tree(support_NR: Floats, seeds: np.random.Generator) -> ExtraTreeRegressor:
    """An isolation tree as scikit-learn's IsolationForest grows it, without what that spends on each forest."""
    tree = ExtraTreeRegressor(
        max_features=1,
        max_depth=math.ceil(math.log2(max(len(support_NR), 2))),
        random_state=int(seeds.integers(2**32)),
    )
    return tree.fit(support_NR, seeds.uniform(size=len(support_NR)), check_input=False)


def _isolate(tree: ExtraTreeRegressor, z_MR: Floats) -> tuple[Floats, Floats]:
    """Path length of each row, and the mean distance of its values to the cuts on its path: (M,) each."""
    nodes = tree.tree_
    path = tree.decision_path(z_MR, check_input=False)  # sparse: a row's nodes in order, the last is its leaf
    leaves = path.indices[path.indptr[1:] - 1]
    cuts = np.diff(path.indptr) - 1
    inner = np.delete(path.indices, path.indptr[1:] - 1)
    row = np.repeat(np.arange(len(z_MR)), cuts)
    distances = np.bincount(row, np.abs(z_MR[row, nodes.feature[inner]] - nodes.threshold[inner]), len(z_MR))
    return cuts + _average_length(nodes.n_node_samples[leaves]), distances / np.maximum(cuts, 1)


def _average_length(samples: NDArray[np.int64]) -> Floats:
    """Of paths in an isolation tree of so many samples (Liu et al., Isolation Forest, ICDM 2008, Eq. 1)."""
    n = np.maximum(samples, 3)
    many = 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n
    return np.where(samples > 2, many, samples == 2)
