"""An ablation with planted terms: each step shows what its own term adds."""

import pytest

from tests.tune_runner import planted
from tests.tune_runner.tiny import TINY
from tune_runner.study.ablated import steps
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.scored import completed

SPACE = {
    "lambda_pp": {"choice": [0.0, 0.8]},
    "negative_augmentation": {"choice": ["none", "void"]},
    "l2_norm": {"choice": [True, False]},
    "steps": {"choice": [0, 2]},
}


def strength(training):
    return 0.3 + 0.9 * (training.lambda_pp > 0) + 1.2 * (training.negative_augmentation == "void")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    trainer = {name: value for name, value in TINY["trainer"].items() if name not in SPACE}
    folder = tmp_path_factory.mktemp("ablated")
    planted.images(folder / "images", normal=80, abnormal=60)
    search = {"sampler": "ablation", "reference": {"negative_augmentation": "void"}}
    begun = planted.begin(folder, space=SPACE, trainer=trainer, search=search, episodes=3, budget={"trials": 10})
    begun.strength = strength
    while begun.searcher._waiting:
        begun.finish()
    return begun


def test_every_step_is_against_the_one_before(sweep):
    found = steps(sweep.prepared, completed(sweep.study), sweep.records, EpisodeNoise())
    assert [(step.one, step.other) for step in found] == [
        ("contrastive loss", "pretrained only"),
        ("+ lambda_pp = 0.8", "contrastive loss"),
        ("+ negative_augmentation = void", "+ lambda_pp = 0.8"),
        ("without L2 norm", "+ negative_augmentation = void"),
    ]
    assert [step.other_auroc for step in found[1:]] == [found[0].auroc, found[1].auroc, found[2].auroc]


def test_the_planted_terms_are_shown_and_the_others_are_not(sweep):
    found = {step.one: step for step in steps(sweep.prepared, completed(sweep.study), sweep.records, EpisodeNoise())}
    for name in ("+ lambda_pp = 0.8", "+ negative_augmentation = void"):
        assert found[name].shown
        assert found[name].interval[0] > 0
    assert abs(found["contrastive loss"].difference) < 0.1  # the planted scores do not know the steps
    assert abs(found["without L2 norm"].difference) < 0.1


def test_a_part_of_an_ablation_compares_what_there_is(sweep):
    trials = [trial for trial in completed(sweep.study) if trial.params["negative_augmentation"] == "none"]
    assert len(steps(sweep.prepared, trials, sweep.records, EpisodeNoise())) == 3
    assert steps(sweep.prepared, [], sweep.records, EpisodeNoise()) == ()
