"""A summary in which everything was found, of a sweep that nobody ran."""

from dataclasses import dataclass, replace
from typing import Any

from tune_runner.study.summary import Summary

VOID = "negative_augmentation"


@dataclass(frozen=True)
class Share:
    parameter: str
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Branch:
    where: str
    trials: int
    needed: int
    ped_anova: tuple[Share, ...] = ()
    fanova: tuple[Share, ...] = ()


@dataclass(frozen=True)
class Interaction:
    first: str
    second: str
    share: float
    interval: tuple[float, float]
    first_levels: tuple[Any, ...]
    second_levels: tuple[Any, ...]
    auroc: tuple[tuple[float | None, ...], ...]
    trials: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Noise:
    deviation: float = 0.021
    deviation_interval: tuple[float, float] = (0.015, 0.03)
    share: float = 0.3
    share_interval: tuple[float, float] = (0.2, 0.4)
    trials: int = 40
    episodes: int = 3


@dataclass(frozen=True)
class Level:
    value: Any
    auroc: float
    interval: tuple[float, float]
    trials: int


@dataclass(frozen=True)
class Means:
    parameter: str
    where: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Versus:
    one: str = "trial 7"
    other: str = "the paper's settings"
    auroc: float = 0.969
    other_auroc: float = 0.93
    difference: float = 0.039
    interval: tuple[float, float] = (0.01, 0.068)
    better_in: int = 5
    of: int = 5
    p: float | None = None


@dataclass(frozen=True)
class Validation:
    episodes: int
    steps: tuple[Versus, ...]
    best: Versus


@dataclass(frozen=True)
class Optimism:
    tuned_on_test: float = 0.985
    honest: float = 0.976


@dataclass(frozen=True)
class Verdict:
    criterion: str
    rank_correlation: float | None
    correlation_interval: tuple[float, float] | None
    lost: float | None
    lost_interval: tuple[float, float] | None
    chosen_trial: int | None
    chosen_row: dict[str, Any] | None
    trials: int
    needed: int


def full(summary: Summary) -> Summary:
    """`summary`, with all findings that a sweep can have beside its own."""
    shares = (Share(VOID, 0.7, (0.5, 0.8)), Share("lambda_pp", 0.2, (0.1, 0.3)))
    step = Versus("lambda_pp 0.3", "the paper's settings", 0.94, 0.93, 0.01, (-0.01, 0.03), 3, 5, 0.4)
    return replace(
        summary,
        branches=[Branch("", 40, 20, shares, shares[::-1]), Branch(f"{VOID} = void", 12, 20)],
        interactions=[
            Interaction(
                VOID, "steps", 0.12, (0.08, 0.15), ("none", "void"), (5, 10, 20),
                ((0.64, 0.65, None), (0.94, 0.96, 0.97)), ((5, 6, 0), (9, 9, 11)),
            )
        ],
        noise=Noise(),
        means=[
            Means(VOID, "", (Level("none", 0.65, (0.6, 0.7), 11), Level("void", 0.96, (0.94, 0.98), 29))),
            Means(
                "lambda_np",
                f"{VOID} = void",
                (Level(0.25, 0.96, (0.94, 0.98), 15), Level(0.5, 0.9, (0.8, 0.95), 14)),
            ),
        ],
        against_reference=Versus(
            auroc=0.976, other_auroc=0.935, difference=0.041, interval=(0.012, 0.07), of=3, better_in=3
        ),
        validation=Validation(5, (step, Versus("void", "lambda_pp 0.3", 0.969, 0.94, 0.029)), Versus()),
        optimism=Optimism(),
        label_free=[
            Verdict("left_out_auroc", 0.62, (0.3, 0.8), 0.012, (0.0, 0.03), 3, {"steps": 10}, 40, 20),
            Verdict("compactness", None, None, None, None, None, None, 12, 20),
        ],
    )  # fmt: skip
