"""The three answers in words, for summaries whose answers are known."""

from dataclasses import replace

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
VOID = Effect("negative_augmentation", "void", "none", 0.26, (0.2, 0.32), 40, False, 0.0001, "backbone")
STEPS = Effect("steps", "20", "5", 0.03, (0.01, 0.05), 40, True, 0.02)
FLAT = Effect("lambda_pp", "> 1", "<= 1", 0.01, (-0.02, 0.03), 40, False, 0.6)


def versus(**changes):
    made = {
        "one": "the best settings", "other": PAPERS, "auroc": 0.969, "other_auroc": 0.93, "difference": 0.039,
        "interval": (0.01, 0.068), "better_in": 5, "of": 5, "p": 0.01,
    }  # fmt: skip
    return Versus(**{**made, **changes})


NONE = {"difference": 0.01, "interval": (-0.01, 0.03), "p": 0.3}
WORSE = {"difference": -0.02, "interval": (-0.03, -0.01), "p": 0.01}


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
        "Trial 7 (negative_augmentation void, steps 20, lambda_pp 0.31, beta 0.99 and 1 more) has "
        "an AUROC of 97.6 [95.0, "
        "99.4] % on images that were not used to choose it (2 support sets). Whether fine-tuning "
        "helps was not measured: "
        "`steps` does not include 0."
    )


@pytest.mark.parametrize(
    ("difference", "interval", "p", "sentence"),
    [
        (0.041, (0.012, 0.07), 0.0002, "It is 4.1 [1.2, 7.0] points above the paper's settings (better on 3 of 3 "
         "support sets, p < 0.001, corrected for 96 candidates)."),
        (0.01, (-0.02, 0.04), 0.3, "A difference from the paper's settings is not shown: +1.0 [-2.0, +4.0] points "
         "(better on 3 of 3 support sets, p = 0.3, corrected for 96 candidates)."),
        (0.02, (-0.001, 0.04), 0.04, "A difference from the paper's settings is not shown: +2.0 [-0.1, +4.0] points "
         "(better on 3 of 3 support sets, p = 0.04, corrected for 96 candidates)."),
        (-0.03, (-0.05, -0.01), 0.04, "It is 3.0 [1.0, 5.0] points below the paper's settings (better on 3 of 3 "
         "support sets, p = 0.04, corrected for 96 candidates)."),
    ],
)  # fmt: skip
def test_against_the_reference(difference, interval, p, sentence):
    found = versus(difference=difference, interval=interval, better_in=3, of=3, p=p, family=96)
    assert sentence in said(against_reference=found)[0]


def test_one_support_set_is_not_enough_evidence():
    found = versus(difference=0.1, interval=(0.05, 0.15), better_in=1, of=1, p=None)
    assert (
        "is not shown: +10.0 [+5.0, +15.0] points (better on 1 of 1 support set; one support set is not enough"
        in (said(against_reference=found)[0])
    )


def test_where_fine_tuning_gains_and_loses_is_said():
    before = "the same network before fine-tuning"
    gains = versus(other=before, difference=0.04, interval=(0.01, 0.07))
    loses = versus(one=PAPERS, other=before, **WORSE)
    good = said(fine_tuning=(loses, gains))[0]
    assert (
        f"With the paper's settings, fine-tuning loses 2.0 [1.0, 3.0] points against {before} (better on "
        f"5 of 5 support sets, "
        "p = 0.01). With the best settings, fine-tuning gains 4.0 [1.0, 7.0] points against" in good
    )
    unsure = said(fine_tuning=(versus(other=before, **NONE),))[0]
    assert "With the best settings, fine-tuning is not shown to change AUROC: +1.0 [-1.0, +3.0]" in unsure


def test_an_untrained_best_is_called_that():
    assert "It is the network before fine-tuning" in said(best=replace(BEST, row={"steps": 0, "n_a": 10}))[0]


def test_one_pool_and_optimism_are_said():
    good = said(shared=True, optimism=Optimism(0.985, 0.976, 40))[0]
    assert "on the images that it was chosen on, as in the paper, which is optimistic" in good
    assert good.endswith("where the choice on search images has 97.6 %, which is +0.9 points of optimism.")


def test_what_matters():
    pair = Interaction("a", "steps", 0.12, (0.08, 0.15), (), (), (), (), 0.002)
    assert said(interactions=[pair])[1] == (
        "On the search images, a difference is shown for negative_augmentation, void over none: +26.0 [+20.0, +32.0] "
        "points, p < 0.001 (between "
        "40 trials, allowing for backbone); steps, 20 over 5: +3.0 [+1.0, +5.0] points, p = 0.02 "
        "(within 40 trainings). "
        "No difference is shown for lambda_pp, which does not mean that there is none. "
        "The effect of a depends on steps: together they explain 12.0 [8.0, 15.0] % of the "
        "variance of AUROC beyond what "
        "each explains alone, p = 0.002. "
        "Not enough evidence: beta (3 of 10 trials)."
    )


def test_a_difference_whose_interval_holds_0_is_not_shown_whatever_its_p_value():
    unsure = Effect("backbone", "18", "50", 0.02, (-0.001, 0.041), 12, False, 0.011)
    assert said(effects=[unsure])[1].startswith("No difference is shown for backbone,")


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ({}, {}, "The difference that the search showed is confirmed."),
        ({}, NONE, "The difference that the search showed is not confirmed."),
        ({}, WORSE, "The difference that the search showed is refuted."),
        (NONE, {}, ""),
        (NONE, NONE, ""),
        (None, NONE, ""),
    ],
)
def test_only_what_was_shown_is_confirmed_or_not(before, now, verdict):
    search = None if before is None else versus(**before)
    again = said(against_reference=search, validation=Validated(5, versus(**now), ()))[2]
    assert again.startswith("On 5 support sets that no trial has seen, the best settings have an AUROC of 96.9 %. ")
    assert again.endswith(verdict)
    if not verdict:
        assert "the search showed" not in again


def test_fine_tuning_is_judged_on_fresh_support_sets_too():
    gain = versus(other="the same network before fine-tuning")
    assert (
        "With the best settings, fine-tuning gains 3.9 [1.0, 6.8] points against"
        in said(validation=Validated(5, versus(), (), gain))[2]
    )


def test_the_noise_floor():
    assert said(noise=Noise(0.021, (0.015, 0.03), 0.3, (0.2, 0.4), 40, 3))[2].endswith(
        "The draw of support sets alone gives a mean over 3 of them a standard deviation of 2.1 "
        "[1.5, 3.0] points (from "
        "40 trials), which is 30.0 [20.0, 40.0] % of the variance between trials."
    )


def test_without_evidence_nothing_is_claimed():
    nothing = said(best=None, effects=[], too_few=[], trials={"complete": 0, "failed": 2})
    assert nothing == [
        "Not enough evidence: 0 of 2 trials are complete.",
        "Not enough evidence: 0 of 10 complete trials in which a setting varied.",
        "Not enough evidence: no trial is complete.",
    ]
    assert said()[2].startswith(
        "Not enough evidence: the best settings were not validated on fresh support sets. On the"
    )
