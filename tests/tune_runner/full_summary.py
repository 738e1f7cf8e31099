"""A summary in which everything was found, of a sweep that nobody ran."""

from dataclasses import replace

from tune_runner.study.binned import Level, Means
from tune_runner.study.importance import Branch, Share
from tune_runner.study.interactions import Interaction
from tune_runner.study.label_free import Verdict
from tune_runner.study.noise import Noise
from tune_runner.study.optimism import Optimism
from tune_runner.study.summary import Summary
from tune_runner.study.validated import Validated
from tune_runner.study.versus import Versus

VOID = "negative_augmentation"
PAPERS = "the paper's settings"


def full(summary: Summary) -> Summary:
    """`summary`, with all findings that a sweep can have beside its own."""
    shares = (Share(VOID, 0.7, (0.5, 0.8)), Share("lambda_pp", 0.2, (0.1, 0.3)))
    step = Versus("lambda_pp 0.3", PAPERS, 0.94, 0.93, 0.01, (-0.01, 0.03), 3, 5, 0.4)
    last = Versus("void", "lambda_pp 0.3", 0.969, 0.94, 0.029, (0.01, 0.068), 5, 5, None)
    again = Versus("the best", PAPERS, 0.969, 0.93, 0.039, (0.01, 0.068), 5, 5, None)
    return replace(
        summary,
        branches=[Branch("", 40, 20, shares, shares[::-1]), Branch(f"{VOID} = void", 12, 20, (), ())],
        interactions=[
            Interaction(
                VOID, "steps", 0.12, (0.08, 0.15), ("none", "void"), ("5", "10", "20"),
                ((0.64, 0.65, None), (0.94, 0.96, 0.97)), ((5, 6, 0), (9, 9, 11)),
            )
        ],
        noise=Noise(0.021, (0.015, 0.03), 0.3, (0.2, 0.4), 40, 3),
        means=[
            Means(VOID, "", (Level("none", 0.65, (0.6, 0.7), 11), Level("void", 0.96, (0.94, 0.98), 29))),
            Means(
                "lambda_np",
                f"{VOID} = void",
                (Level("0.25", 0.96, (0.94, 0.98), 15), Level("0.5", 0.9, (0.8, 0.95), 14)),
            ),
        ],
        against_reference=Versus("the best", PAPERS, 0.976, 0.935, 0.041, (0.012, 0.07), 3, 3, None),
        validation=Validated(5, again, (step, last)),
        optimism=Optimism(0.985, 0.976, 40),
        ablation=(step,),
        label_free=[
            Verdict("unused_negative", 40, 20, 0.62, (0.3, 0.8), 0.012, (0.0, 0.03), 3, {"steps": 10}),
            Verdict("compactness", 12, 20),
        ],
    )  # fmt: skip
