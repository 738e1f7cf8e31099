"""The truths that are planted, each a small declared object, and the cells in which each of them is measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from coftad.types import FineTuning, Scoring

TRIALS = (12, 32, 64)
EPISODES = (2, 3, 5)
NOISE = (0, 5, 10, 15)
EFFECTS = (2, 5, 10)

BACKBONE = {"backbone": {"choice": ["resnet18", "resnet50"]}}
VIEWS = {"positive_augmentation": {"choice": ["industrial", "flowers"]}}
VOID = {"negative_augmentation": {"choice": ["none", {"void": {"lambda_np": {"uniform": [0.1, 1.5]}}}]}}
ROWS = {"n_a": {"choice": [1, 10]}, "steps": {"choice": [0, 10, 20]}}
SPACE: Mapping[str, Any] = {**BACKBONE, **VIEWS, "lambda_pp": {"uniform": [0.0, 1.5]}, **VOID, **ROWS}
CONDITIONAL: Mapping[str, Any] = {
    "backbone": BACKBONE["backbone"],
    "lambda_pp": SPACE["lambda_pp"],
    "negative_augmentation": {
        "choice": [
            {"cutpaste": {"lambda_np": {"uniform": [0.1, 1.5]}}},
            {"void": {"lambda_np": {"uniform": [0.1, 1.5]}}},
        ]
    },
    **ROWS,
}
SCORERS = {"scorer": {"choice": ["gaussian", "knn"]}, "epsilon": {"choice": [0.001, 0.01, 0.1]}}
ONE_AT_A_TIME = {**BACKBONE, **VIEWS, "lambda_pp": {"choice": [0.0, 0.4, 0.8, 1.2]}, **VOID, **ROWS}
ABLATION = {
    "lambda_pp": {"choice": [0.0, 0.8]},
    "negative_augmentation": {"choice": ["none", "void"]},
    "l2_norm": {"choice": [True, False]},
    **ROWS,
}

Gain = Callable[[FineTuning, int, Scoring], float]
"""(training, steps, scoring) -> how much of the effect a configuration has. At steps 0 only the backbone of a training
may be read: nothing else of it has happened."""

Pair = frozenset[str]


@dataclass(frozen=True)
class Cell:
    """trials: asked for; a design has as many as it has. noise: standard deviation of a configuration's AUROC from one
    support set to another, beside what all configurations have in common. effect: of a gain of 1. Both in points."""

    trials: int
    episodes: int
    noise: int
    effect: int = 0


def _nothing(training: FineTuning, steps: int, scoring: Scoring) -> float:
    return 0.0


@dataclass(frozen=True)
class Scenario:
    """matters: the settings whose levels differ in their mean gain. pairs: those that differ in a second difference;
    shown: the one of them that a report should find. spread: how many times the noise a configuration has.
    support_noise: whether each backbone has its share of the noise in common to all its trainings in an episode.
    pooled: whether support sets are drawn from the pool, so that each episode has search images of its own.
    validated: support sets of the validation of each study. compared: whether each study is compared with another one.
    informative: whether compactness tells of the planted AUROC; the criteria are noise otherwise.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    more: tuple[Cell, ...] = ()  # measured on demand
    space: Mapping[str, Any] = field(default_factory=lambda: SPACE)
    gain: Gain = _nothing
    matters: frozenset[str] = frozenset()
    pairs: frozenset[Pair] = frozenset()
    shown: Pair | None = None
    spread: Callable[[FineTuning], float] | None = None
    support_noise: bool = False
    search: Mapping[str, Any] = field(default_factory=lambda: {"sampler": "random"})
    pooled: bool = False
    validated: int = 0
    path: bool = False
    compared: bool = False
    informative: bool = False


def _cells(
    trials: tuple[int, ...] = (32,),
    episodes: tuple[int, ...] = (3,),
    noise: tuple[int, ...] = (5,),
    effects: tuple[int, ...] = (0,),
) -> tuple[Cell, ...]:
    return tuple(Cell(*each) for each in product(trials, episodes, noise, effects))


# Every number of trials and of support sets with every noise: an orthogonal array, a third of the whole.
ALL_PAIRS = tuple(
    Cell(trials, EPISODES[(row + column) % len(EPISODES)], noise)
    for row, noise in enumerate(NOISE)
    for column, trials in enumerate(TRIALS)
)
# Those in which an effect is looked for: every size and noise, few and many support sets and trials.
ONE = (*_cells((32,), (3,), (5,), EFFECTS), Cell(64, 2, 0, 10), Cell(12, 2, 5, 10))
FEW = (*_cells((32,), (3,), (5,), (5, 10)), Cell(12, 2, 5, 10))
MORE = (
    *_cells((32,), (3,), (0, 5, 10), EFFECTS),
    *_cells((32, 64), (2, 5), (5, 10), (10,)),
    *_cells((12, 64), (3,), (5,), (10,)),
)  # on demand
DESIGNED = (*_cells((64,), (2, 3, 5), (0, 5, 15)), *_cells((64,), (3,), (5,), EFFECTS))  # as many trials as they have


def _resnet50(training: FineTuning, steps: int, scoring: Scoring) -> float:
    return float(training.backbone == "resnet50")


def _ten_views(training: FineTuning, steps: int, scoring: Scoring) -> float:
    return float(scoring.n_a == 10)


def _strong_void(training: FineTuning, steps: int, scoring: Scoring) -> float:
    """As much above as below, so that the choice of void alone does nothing."""
    if steps == 0 or training.negative_augmentation != "void":
        return 0.0
    return 0.5 if training.lambda_np > 0.8 else -0.5


def _alike(training: FineTuning, steps: int, scoring: Scoring) -> float:
    """Neither does anything alone."""
    if steps == 0:
        return 0.0
    return 0.5 if (training.backbone == "resnet50") == (training.positive_augmentation == "flowers") else -0.5


def _untrained(training: FineTuning, steps: int, scoring: Scoring) -> float:
    return float(steps == 0)


def _gaussian(training: FineTuning, steps: int, scoring: Scoring) -> float:
    return float(scoring.scorer == "gaussian")


def _pulled(training: FineTuning, steps: int, scoring: Scoring) -> float:
    return float(steps > 0 and training.lambda_pp > 0)


def _unequal(training: FineTuning) -> float:
    return 1.6 if training.positive_augmentation == "flowers" else 0.4


SCENARIOS: Mapping[str, Scenario] = {
    each.name: each
    for each in (
        Scenario(
            "nothing",
            "nothing matters, random search",
            ALL_PAIRS,
            more=tuple(cell for cell in _cells(TRIALS, EPISODES, NOISE) if cell not in ALL_PAIRS),
            validated=3,
        ),
        Scenario(
            "nothing_tpe",
            "nothing matters, TPE",
            (*_cells((12, 32), (2,), (15,)), Cell(64, 2, 5)),
            more=_cells(TRIALS, (2, 3, 5), (5, 10)),
            search={"sampler": "tpe"},
            validated=3,
        ),
        Scenario(
            "nothing_compared",
            "nothing matters in two sweeps of the same configurations",
            (Cell(12, 2, 5),),
            more=_cells((32,), (2, 5), (5, 15)),
            compared=True,
        ),
        Scenario(
            "unequal_noise",
            "nothing matters, flowers have four times the noise of industrial",
            (Cell(12, 3, 10), Cell(32, 2, 5)),
            more=_cells((32, 64), (3, 5), (10,)),
            spread=_unequal,
            validated=3,
        ),
        Scenario(
            "support_set_noise",
            "nothing matters, but each support set suits one backbone better than the other",
            (Cell(12, 2, 5), Cell(32, 2, 10)),
            more=_cells((32, 64), (3, 5), (5, 10)),
            support_noise=True,
        ),
        Scenario(
            "own_search_images",
            "nothing matters, support sets from the pool: each episode has search images of its own",
            (Cell(32, 2, 0), Cell(32, 3, 5)),
            more=_cells((32,), (2, 5), (5, 10)),
            pooled=True,
        ),
        Scenario(
            "one_training",
            "the backbone matters",
            ONE,
            more=MORE,
            gain=_resnet50,
            matters=frozenset({"backbone"}),
            validated=3,
            path=True,
            informative=True,
        ),
        Scenario(
            "one_training_tpe",
            "the backbone matters, TPE",
            (Cell(32, 2, 5, 10),),
            more=_cells((32, 64), (3, 5), (5, 10), (2, 10)),
            gain=_resnet50,
            matters=frozenset({"backbone"}),
            search={"sampler": "tpe"},
        ),
        Scenario(
            "one_training_compared",
            "the backbone matters in two sweeps of the same configurations",
            (Cell(32, 3, 5, 10),),
            more=_cells((32,), (2, 5), (5,), EFFECTS),
            gain=_resnet50,
            matters=frozenset({"backbone"}),
            compared=True,
        ),
        Scenario(
            "one_scoring", "n_a matters", (*FEW, Cell(32, 3, 5, 2)), MORE, gain=_ten_views, matters=frozenset({"n_a"})
        ),
        Scenario(
            "conditional",
            "lambda_np under void matters",
            FEW,
            more=MORE,
            space=CONDITIONAL,
            gain=_strong_void,
            matters=frozenset({"void.lambda_np"}),
            pairs=frozenset({frozenset({"void.lambda_np", "steps"})}),
        ),
        Scenario(
            "pair",
            "two settings matter together and not alone",
            (Cell(64, 3, 5, 10), Cell(32, 2, 0, 10)),
            more=_cells((64,), (2, 3, 5), (5, 10), EFFECTS),
            gain=_alike,
            pairs=frozenset({frozenset({"backbone", "positive_augmentation"})}),
            shown=frozenset({"backbone", "positive_augmentation"}),
        ),
        Scenario(
            "untrained_best",
            "all fine-tuning loses to step 0",
            FEW,
            more=MORE,
            gain=_untrained,
            matters=frozenset({"steps"}),
            validated=3,
        ),
        Scenario(
            "asha",
            "the backbone matters, weak trials are stopped after their first episode",
            _cells((32,), (2,), (5,), (0, 10)),
            more=_cells((32, 64), (3, 5), (5, 10), (0, 10)),
            gain=_resnet50,
            matters=frozenset({"backbone"}),
            search={"sampler": "random", "scheduler": "asha"},
        ),
        Scenario(
            "several_scorers",
            "the scorer matters, epsilon does not",
            (*_cells((32,), (2,), (5,), (0, 10)), Cell(32, 3, 0, 10)),
            more=_cells((12, 32), (3, 5), (5, 10), (0, 10)),
            space={**BACKBONE, "lambda_pp": SPACE["lambda_pp"], **SCORERS, "steps": ROWS["steps"]},
            gain=_gaussian,
            matters=frozenset({"scorer"}),
        ),
        Scenario(
            "one_at_a_time",
            "lambda_pp above 0 matters, each setting varied around the reference",
            DESIGNED,
            gain=_pulled,
            space=ONE_AT_A_TIME,
            matters=frozenset({"lambda_pp", "steps"}),
            pairs=frozenset({frozenset({"lambda_pp", "steps"})}),
            search={"sampler": "one_at_a_time"},
        ),
        Scenario(
            "ablation",
            "lambda_pp above 0 matters, term after term of the loss",
            DESIGNED,
            gain=_pulled,
            space=ABLATION,
            matters=frozenset({"lambda_pp", "steps"}),
            pairs=frozenset({frozenset({"lambda_pp", "steps"})}),
            search={"sampler": "ablation", "reference": {"negative_augmentation": "void"}},
        ),
    )
}


def cells(names: Sequence[str] = (), *, full: bool = False, **only: Sequence[int]) -> Iterator[tuple[Scenario, Cell]]:
    """Of these scenarios, of all without names. full: also those that are measured on demand. only: values of the
    cells' fields, where they are not empty."""
    for name in names or SCENARIOS:
        more = SCENARIOS[name].more if full else ()
        for cell in dict.fromkeys((*SCENARIOS[name].cells, *more)):
            if all(getattr(cell, field) in values for field, values in only.items() if values):
                yield SCENARIOS[name], cell
