"""The three answers in words, for summaries whose answers are known."""

import pytest

from tests.tune_runner.full_summary import PAPERS
from tune_runner.study.answers import answers
from tune_runner.study.effects import Effect, TooFew
from tune_runner.study.interactions import Interaction
from tune_runner.study.noise import Noise
from tune_runner.study.optimism import Optimism
from tune_runner.study.summary import Best, Summary
from tune_runner.study.validated import Validated
from tune_runner.study.versus import Versus

BEST = Best(
    trial=7,
    parameters={"lambda_pp": 0.31, "negative_augmentation": "void", "beta": 0.99},
    row={"steps": 20, "n_a": 10},
    search_auroc=0.98,
    search_interval=(0.96, 0.99),
    test_auroc=0.976,
    test_interval=(0.95, 0.994),
    test_per_episode=(0.97, 0.982),
    chosen_by="auroc",
)
VOID = Effect("negative_augmentation", "void", "none", 0.26, (0.2, 0.32), 40, False, 0.0001)
STEPS = Effect("steps", "20", "5", 0.03, (0.01, 0.05), 40, True, 0.02)
FLAT = Effect("lambda_pp", "> 1", "<= 1", 0.01, (-0.02, 0.03), 40, False, 0.6)


def versus(**changes):
    made = {"one": "trial 7", "other": PAPERS, "auroc": 0.969, "other_auroc": 0.93, "better_in": 5, "of": 5, "p": None}
    return Versus(**{**made, **changes})


def summary(**changes):
    made = {
        "name": "s", "banner": "", "protocol": "", "trials": {"complete": 40, "failed": 2}, "failures": {},
        "best": BEST, "effects": [VOID, STEPS, FLAT], "too_few": [TooFew("beta", 3, 10)], "curves": [],
        "caution": "", "commands": {},
    }  # fmt: skip
    return Summary(**{**made, **changes})


def said(**changes):
    return [" ".join(answer.sentences) for answer in answers(summary(**changes))]


def test_the_questions():
    assert [answer.question for answer in answers(summary())] == [
        "Which settings are good here?",
        "How much does each setting matter here?",
        "Would I get the same answer again?",
    ]


def test_good_settings_name_what_matters_first():
    assert said()[0] == (
        "Trial 7 (negative_augmentation void, steps 20, lambda_pp 0.31, beta 0.99 and 1 more) reaches 97.6 [95.0, "
        "99.4] % AUROC on images that no search has seen."
    )


@pytest.mark.parametrize(
    ("difference", "interval", "p", "end"),
    [
        (0.041, (0.012, 0.07), 0.0002, ", 4.1 [1.2, 7.0] points above the paper's settings (better in 3 of 3 episodes, "
         "p < 0.001)."),
        (0.01, (-0.02, 0.04), None, "; a difference to the paper's settings is not shown: 1.0 [-2.0, 4.0] points "
         "(better in 3 of 3 episodes)."),
        (-0.03, (-0.05, -0.01), 0.04, ", 3.0 [1.0, 5.0] points below the paper's settings (better in 3 of 3 episodes, "
         "p = 0.04)."),
    ],
)  # fmt: skip
def test_against_the_reference(difference, interval, p, end):
    found = versus(difference=difference, interval=interval, better_in=3, of=3, p=p)
    assert said(against_reference=found)[0].endswith(f"that no search has seen{end}")


def test_one_pool_and_optimism_are_said():
    good = said(shared=True, optimism=Optimism(0.985, 0.976, 40))[0]
    assert "on the images that it was chosen on, as in the paper, which flatters it" in good
    assert good.endswith("would have claimed 98.5 %, where an honest one shows 97.6 %: +0.9 points of optimism.")


def test_what_matters():
    pair = Interaction("a", "steps", 0.12, (0.08, 0.15), (), (), (), ())
    assert said(interactions=[pair])[1] == (
        "negative_augmentation matters most: void over none +26.0 [+20.0, +32.0] points, p < 0.001. "
        "Shown to matter, too: steps, 20 over 5 +3.0 [+1.0, +5.0] points, p = 0.02. "
        "No difference shown in 40 trials: lambda_pp. "
        "What a does depends on steps: beyond each alone, the two together explain 12.0 [8.0, 15.0] % of the variance "
        "of AUROC. "
        "Not enough evidence: beta (3 of 10 trials)."
    )


@pytest.mark.parametrize(
    ("difference", "interval", "end"),
    [
        (0.039, (0.01, 0.068), "(better in 5 of 5 episodes): the answer stands."),
        (0.01, (-0.01, 0.03), "(better in 5 of 5 episodes): that it is better is not shown again."),
        (-0.02, (-0.03, -0.01), "(better in 5 of 5 episodes): the answer does not stand."),
    ],
)
def test_again(difference, interval, end):
    again = said(validation=Validated(5, versus(difference=difference, interval=interval), ()))[2]
    assert again.startswith("On 5 fresh support sets it reached 96.9 % AUROC")
    assert again.endswith(end)


def test_the_noise_floor():
    assert said(noise=Noise(0.021, (0.015, 0.03), 0.3, (0.2, 0.4), 40, 3))[2].endswith(
        "With the draw of support sets alone, a mean over 3 of them moves by 2.1 [1.5, 3.0] points (standard "
        "deviation, from 40 trials): 30.0 [20.0, 40.0] % of the variance between trials is this noise."
    )


def test_without_evidence_nothing_is_claimed():
    nothing = said(best=None, effects=[], too_few=[], trials={"complete": 0, "failed": 2})
    assert nothing == [
        "Not enough evidence: 0 of 2 trials are complete.",
        "Not enough evidence: 0 of 10 complete trials in which a setting varied.",
        "Not enough evidence: there is no answer yet that could be tried again.",
    ]
    assert said()[2].startswith("Not enough evidence: the best settings were run on 0 fresh support sets. In the 2 ")
