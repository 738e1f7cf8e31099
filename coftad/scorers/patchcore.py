"""PatchCore (Roth et al.: Towards Total Recall in Industrial Anomaly Detection, CVPR 2022; Table VIII).

An image is a grid of patch features, taken from the middle of the network. Those of the support images, thinned to a
coreset, are the memory bank; the patch farthest from the bank makes the image's score. It differs so:

- The coreset is a number of patches and not a share of them: a few-shot support is small enough to be kept in whole,
  and scoring takes the same time whatever n_a is. Where there are CANDIDATES it is the publication's 10 %.
- Of more patches than CANDIDATES so many are drawn by chance before the coreset: memory is bounded at any image size.
- Patch features keep the network's channels; the authors' code averages them down to 1,024, which no ResNet18 has.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from coftad.seeding import torch_generator

READS = frozenset({"n_a"})  # fields of Scoring; patches of feature maps are not normalised

CANDIDATES = 10_000  # the support patches that a coreset is found in
BANK = 1_000  # of which it keeps so many; all 3,200 of 5 shots, n_a 10 and 64 px tell tiles apart no better
PROJECTED = 128  # dimensions that the coreset is found in, as in the authors' code
NEIGHBOURS = 9  # b of Eq. 7, as in anomalib; the authors' code scores by Eq. 6 alone
ROWS = 4096  # patches compared at once; with the largest bank that is 16 MB


def patches(layer2: Tensor, layer3: Tensor) -> Tensor:
    """Maps of the second and third stage, (B, C2, H, W) and (B, C3, h, w) -> (B, H * W, C2 + C3), Section 3.1: each
    position averaged with its 3 x 3 neighbours, the coarser map interpolated to the finer, channels side by side."""
    fine, coarse = (avg_pool2d(layer, 3, stride=1, padding=1) for layer in (layer2, layer3))
    coarse = interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([fine, coarse], 1).flatten(2).transpose(1, 2).contiguous()


class Gathering:
    """The candidates for the memory bank of each n_a, picked from the views of the support set as they pass by.

    Candidates are all patches of the first n_a views, or CANDIDATES of them drawn by chance where there are more; the
    rest is never held.
    """

    def __init__(self, n_as: Collection[int], shots: int, seed: int) -> None:
        self.shots, self.seed = shots, seed
        self._found: dict[int, list[Tensor]] = {n_a: [] for n_a in n_as}
        self._passed = 0
        self._patches = 0  # of an image

    def add(self, patches_BPC: Tensor) -> None:
        """The next B images, view after view of all shots."""
        flat = patches_BPC.flatten(0, 1)
        self._patches = patches_BPC.shape[1]
        start, self._passed = self._passed, self._passed + len(flat)
        for n_a, found in self._found.items():
            drawn = self._drawn(n_a, n_a * self.shots * patches_BPC.shape[1])
            here = drawn[(drawn >= start) & (drawn < self._passed)] - start
            found.append(flat[here.to(flat.device)])

    def candidates(self, n_a: int) -> Tensor:
        """(N, C) float32, where they were computed and in the order in which they passed."""
        return torch.cat(self._found[n_a])

    def origins(self, n_a: int) -> Tensor:
        """(N,) int64: which of the shots each candidate is of."""
        drawn = self._drawn(n_a, n_a * self.shots * self._patches)
        return drawn.div(self._patches, rounding_mode="floor") % self.shots

    def _drawn(self, n_a: int, count: int) -> Tensor:
        if count <= CANDIDATES:
            return torch.arange(count)
        order = torch.randperm(count, generator=torch_generator(self.seed, "candidates", n_a))
        return order[:CANDIDATES].sort().values


@dataclass(frozen=True, eq=False)
class Bank:
    """patches: (B, C) float32. neighbours: (B, b) rows of `patches`, the b nearest to each, itself first."""

    patches: Tensor
    neighbours: Tensor


def bank(candidates_NC: Tensor, seed: int) -> Bank:
    """The memory bank of one n_a. candidates_NC: float32, N >= 2."""
    kept = candidates_NC[coreset(candidates_NC, BANK, seed)] if len(candidates_NC) > BANK else candidates_NC
    distances = torch.cdist(kept, kept).fill_diagonal_(-1)
    return Bank(kept, distances.topk(min(NEIGHBOURS, len(kept)), largest=False).indices)


def coreset(z_NC: Tensor, size: int, seed: int) -> Tensor:
    """(size,) of N >= size rows: greedy k-centre (Section 3.2, Algorithm 1). From a row drawn by chance, each next is
    the one farthest from all before it, as distances are after a random projection."""
    draws = torch_generator(seed, "coreset")
    z = z_NC @ torch.empty(z_NC.shape[1], PROJECTED).normal_(generator=draws).to(z_NC.device)
    squares = (z**2).sum(1)
    chosen = torch.empty(size, dtype=torch.int64, device=z.device)
    chosen[0] = torch.randperm(len(z), generator=draws)[0]
    nearest = torch.full_like(squares, torch.inf)
    for i in range(1, size):
        last = chosen[i - 1]
        torch.minimum(nearest, squares + squares[last] - 2 * (z @ z[last]), out=nearest)
        nearest[last] = -torch.inf  # never twice, however many coincide
        chosen[i] = nearest.argmax()
    return chosen


def score(fitted: Bank, patches_MPC: Tensor) -> Tensor:
    """(M,) float64 on the CPU: how far an image's farthest patch is from the bank (Eq. 6), times the weight of Eq. 7,
    which is smaller where the bank is sparse."""
    flat = patches_MPC.flatten(0, 1)
    halves = (fitted.patches**2).sum(1) / 2
    nearest = torch.cat([torch.addmm(halves, part, fitted.patches.T, alpha=-1).argmin(1) for part in flat.split(ROWS)])
    distances = _distances(flat, fitted.patches[nearest]).view(patches_MPC.shape[:2])
    farthest = distances.argmax(1, keepdim=True)
    patch = patches_MPC.take_along_dim(farthest[..., None], 1)
    near = fitted.neighbours[nearest.view_as(distances).take_along_dim(farthest, 1)[:, 0]]
    weight = 1 - _distances(patch, fitted.patches[near]).softmax(1)[:, 0]
    return (weight * distances.amax(1)).cpu()


def _distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x - y, dim=-1, dtype=torch.float64)
