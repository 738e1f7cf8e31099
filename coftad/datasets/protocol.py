"""The k-shot split: which images a detector trains on, which guide the search, and which only the report opens.

A sweep's seed fixes the order of the normal and of the anomalous images once. From it comes one test part for all
episodes; an episode only draws its support set, from normal images that are in no test part. The draws of an episode
do not depend on `shots`, so the support set of 5 shots is the beginning of that of 10.

The paper (Section IV.A) draws the support set and evaluates on all the rest: `holdout: 0`, where search and test are
one pool. Its SemiCon pool is 500 normal and 110 defective images: `pool_normal: 500, pool_anomalous: 110`.

Some sets come with a training part of their own (`ImageSet.for_support`). Support sets are then drawn from it, and what
is left of it is in no pool.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from coftad.datasets.files import refuse
from coftad.seeding import derive, numpy_generator
from coftad.types import _STRICT, Episode, ImageSet

Rows = NDArray[np.int64]


@validated(frozen=True, config=_STRICT)
class Protocol:
    """shots: normal images to train on; the paper's are 2 to 50, and its cross-instance pairs (Eq. 4) need two.

    holdout: share of the pool, of normal and of anomalous images alike, that is kept for `test`; 0 is the paper's
    protocol, which searches and reports on the same pool.
    pool_normal, pool_anomalous: how many images search and test have together; without them, all that are left.
    With `pool_normal` or a native training part, the pool is the same for all episodes and support sets come from
    outside it.
    """

    shots: Annotated[int, Field(ge=2, le=100_000)]
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    pool_normal: Annotated[int, Field(ge=1)] | None = None
    pool_anomalous: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class _Counts:
    """What a protocol makes of so many normal and anomalous images. Any number may come out negative: see `check`."""

    normal: int  # those of a native training part not among them
    anomalous: int
    reserve: int  # normal images that support sets are drawn from
    test_normal: int
    test_anomalous: int
    search_normal: int
    search_anomalous: int


def _native(image_set: ImageSet) -> Rows | None:
    """The native training part. Raises ValueError for anomalous images in it: that is a mistake of the data set."""
    if image_set.for_support is None:
        return None
    rows = np.flatnonzero(image_set.for_support)
    if anomalous := int(np.count_nonzero(image_set.labels[rows])):
        raise ValueError(f"{image_set.name}: {anomalous} anomalous images are in the training part")
    return rows.astype(np.int64)


def _counts(image_set: ImageSet, protocol: Protocol) -> _Counts:
    native = _native(image_set)
    anomalous = int(np.count_nonzero(image_set.labels))
    normal = len(image_set) - anomalous - (0 if native is None else len(native))
    pool_anomalous = anomalous if protocol.pool_anomalous is None else protocol.pool_anomalous
    pool_normal = normal if protocol.pool_normal is None else protocol.pool_normal
    test_normal = round(protocol.holdout * pool_normal)
    test_anomalous = round(protocol.holdout * pool_anomalous)
    search_normal = pool_normal - test_normal
    search_anomalous = pool_anomalous - test_anomalous
    if native is not None:
        reserve = len(native)
    elif protocol.pool_normal is not None:
        reserve = normal - pool_normal
    else:
        reserve = search_normal
        search_normal -= protocol.shots
    if protocol.holdout == 0:
        test_normal, test_anomalous = search_normal, search_anomalous
    return _Counts(normal, anomalous, reserve, test_normal, test_anomalous, search_normal, search_anomalous)


def check(image_set: ImageSet, protocol: Protocol) -> None:
    """Raise one InputError, with the numbers, if `image_set` is too small for `protocol`."""
    count = _counts(image_set, protocol)
    problems = _too_few_anomalous(count, protocol)
    if image_set.for_support is not None:
        problems += _too_few_beside_native(count, protocol)
    elif protocol.pool_normal is not None:
        problems += _too_few_beside_pool(count, protocol, protocol.pool_normal)
    else:
        problems += _too_few_normal(count, protocol)
    refuse(f"the data set {image_set.name!r} is too small for this protocol:", problems)


def _too_few_anomalous(count: _Counts, protocol: Protocol) -> list[str]:
    if protocol.pool_anomalous is not None and protocol.pool_anomalous > count.anomalous:
        return [
            f"pool_anomalous: {protocol.pool_anomalous} needs as many anomalous images, {count.anomalous} are there"
        ]
    if count.anomalous == 0:
        return ["there are no anomalous images"]
    of = f"holdout: {protocol.holdout:g} of {protocol.pool_anomalous or count.anomalous}"
    return _empty("anomalous", count.test_anomalous, count.search_anomalous, of)


def _too_few_beside_native(count: _Counts, protocol: Protocol) -> list[str]:
    problems = []
    if protocol.shots > count.reserve:
        problems.append(
            f"shots: {protocol.shots} need as many normal images in the training part, {count.reserve} are there"
        )
    if (protocol.pool_normal or 0) > count.normal:
        problems.append(
            f"pool_normal: {protocol.pool_normal} needs as many normal images outside of the training part, "
            f"{count.normal} are there"
        )
    of = f"holdout: {protocol.holdout:g} of {protocol.pool_normal or count.normal} outside of the training part"
    return problems + _empty("normal", count.test_normal, count.search_normal, of)


def _too_few_beside_pool(count: _Counts, protocol: Protocol, pool_normal: int) -> list[str]:
    problems = []
    needed = protocol.shots + pool_normal
    if needed > count.normal:
        problems.append(
            f"shots: {protocol.shots} beside pool_normal: {pool_normal} need {needed} normal images, "
            f"{count.normal} are there"
        )
    of = f"holdout: {protocol.holdout:g} of pool_normal: {pool_normal}"
    return problems + _empty("normal", count.test_normal, count.search_normal, of)


def _too_few_normal(count: _Counts, protocol: Protocol) -> list[str]:
    if count.search_normal < 1:
        kept = f"after holdout: {protocol.holdout:g} put {count.test_normal} into test, " if protocol.holdout else ""
        return [
            f"shots: {protocol.shots} and 1 or more to search with need {protocol.shots + 1} normal images; of "
            f"{count.normal} there, {kept}{count.reserve} are left"
        ]
    return _empty("normal", count.test_normal, 1, f"holdout: {protocol.holdout:g} of {count.normal}")


def _empty(kind: str, test: int, search: int, of: str) -> list[str]:
    return [
        f"{part} needs 1 {kind} image or more: {of} leaves {got}"
        for part, got in (("test", test), ("search", search))
        if got < 1
    ]


def episode(image_set: ImageSet, protocol: Protocol, *, seed: int, index: int) -> Episode:
    """Episode `index` (from 0) of the sweep with root `seed`. Raises InputError as `check` does.

    `train_rows` are in the order drawn, `search_rows` and `test_rows` ascending.
    """
    check(image_set, protocol)
    if index < 0:
        raise ValueError(f"index must be 0 or more, got {index}")
    count = _counts(image_set, protocol)
    native = _native(image_set)
    outside = image_set.labels == 0
    if native is not None:
        outside[native] = False
    normal = _shuffled(np.flatnonzero(outside), seed, "protocol", "normal")
    anomalous = _shuffled(np.flatnonzero(image_set.labels != 0), seed, "protocol", "anomalous")
    anomalous = anomalous[: protocol.pool_anomalous]

    # Of the normal images: the test part first, then what the search may have, then what lies outside the pool.
    held_normal, held_anomalous = (count.test_normal, count.test_anomalous) if protocol.holdout else (0, 0)
    if native is None and protocol.pool_normal is None:
        free = _shuffled(normal[held_normal:], seed, "episode", index, "support")
        train, searched = free[: protocol.shots], free[protocol.shots :]
    else:
        reserve = normal[protocol.pool_normal :] if native is None else native
        train = _shuffled(reserve, seed, "episode", index, "support")[: protocol.shots]
        searched = normal[held_normal : protocol.pool_normal]

    search = np.sort(np.concatenate([searched, anomalous[held_anomalous:]]))
    test = np.sort(np.concatenate([normal[:held_normal], anomalous[:held_anomalous]])) if protocol.holdout else search
    return Episode(image_set, index, derive(seed, "episode", index), train, search, test)


def _shuffled(rows: NDArray[np.integer[Any]], seed: int, *names: str | int) -> Rows:
    return numpy_generator(seed, *names).permutation(rows).astype(np.int64)
