"""What is planted comes out, and what is declared true of a scenario is so."""

from itertools import combinations, product

import numpy as np
import optuna
import pytest
from scipy.special import ndtr

from benchmarks.claims.counting import rates
from benchmarks.claims.planting import COMMON, LITTLE, World, strength
from benchmarks.claims.scenarios import SCENARIOS, Cell
from benchmarks.claims.shortcuts import shortcuts
from benchmarks.claims.studies import planted, prepared_for
from benchmarks.claims.truth import Finding, within_level
from coftad.metrics import aurocs
from coftad.types import FineTuning, Scoring
from tune_runner import plan

NOTHING = SCENARIOS["nothing"]
SETTINGS = [*vars(FineTuning()), *vars(Scoring()), "steps"]


def measured(scenario, cell, worlds=60):
    """(worlds, trainings, episodes, rows): AUROC of four trainings on all images of the pool."""
    prepared = prepared_for(scenario, cell)
    configs = plan.sample_configs(prepared.spec, 4)
    found = np.empty((worlds, len(configs), cell.episodes, len(configs[0].points) * len(configs[0].scorings)))
    for seed in range(worlds):
        world = World(scenario, cell, seed)
        for place, config in enumerate(configs):
            for episode in prepared.episodes:
                labels = episode.pool.labels[episode.scored_rows]
                found[seed, place, episode.index] = aurocs(labels, world.scores(config, episode)[0])
    return configs, found


@pytest.mark.parametrize(("mean", "noise"), [(0.72, 0), (0.72, 5), (0.82, 5), (0.72, 15), (0.92, 15)])
def test_strengths_have_the_planted_mean_and_noise(mean, noise):
    deviates = np.random.default_rng(0).normal(size=(4000, 2))
    strengths = np.array([strength(mean, noise / 100, own, common) for own, common in deviates])
    of_population = ndtr(strengths / np.sqrt(2 * (1 + LITTLE**2)))
    assert of_population.mean() == pytest.approx(mean, abs=0.01)
    own = np.sqrt(max(0.0, of_population.var() - COMMON**2))
    assert own == pytest.approx(noise / 100, rel=0.15, abs=0.005)


def test_scores_have_the_planted_aurocs():
    scenario, cell = SCENARIOS["one_training"], Cell(trials=4, episodes=5, noise=10, effect=10)
    configs, found = measured(scenario, cell)
    for config, there in zip(configs, found.transpose(1, 0, 2, 3), strict=True):
        wanted = 0.82 if config.training.backbone == "resnet50" else 0.72
        assert there.mean() == pytest.approx(wanted, abs=0.03)  # 60 sets of 60 anomalous images
    trained = found[..., 2:]  # of rows after step 0
    own = trained - trained.mean(1, keepdims=True)  # beside what all have in common
    own -= own.mean(2, keepdims=True)
    deviation = np.sqrt((own**2).sum() / own.size * 4 / 3 * 5 / 4)
    assert deviation == pytest.approx(0.10, rel=0.15)


def test_the_untrained_network_of_a_backbone_is_one_network():
    configs, found = measured(NOTHING, Cell(trials=4, episodes=2, noise=10), worlds=3)
    points = [steps for steps in configs[0].points for _ in configs[0].scorings]
    untrained = np.array(points) == 0
    for one, other in combinations(range(len(configs)), 2):
        same = configs[one].training.backbone == configs[other].training.backbone
        assert np.array_equal(found[:, one][..., untrained], found[:, other][..., untrained]) == same
        assert not np.array_equal(found[:, one][..., ~untrained], found[:, other][..., ~untrained])


def gains(scenario):
    """[({setting: level}, gain)] of every combination of levels, two of a range."""
    settings = {
        "backbone": ["resnet18", "resnet50"],
        "positive_augmentation": ["industrial", "flowers"],
        "lambda_pp": [0.0, 0.7, 1.5],
        "negative_augmentation": ["none", "cutpaste", "void"],
        "lambda_np": [0.3, 1.2],
    }
    of_rows = {"n_a": [1, 10], "scorer": ["gaussian", "knn"], "epsilon": [0.001, 0.1], "steps": [0, 10, 20]}
    for values in product(*settings.values(), *of_rows.values()):
        level = dict(zip([*settings, *of_rows], values, strict=True))
        training = FineTuning(**{name: level[name] for name in settings})
        scoring = Scoring(**{name: level[name] for name in ("n_a", "scorer", "epsilon")})
        if level["steps"] == 0:
            training = FineTuning(backbone=level["backbone"])
        yield level, scenario.gain(training, level["steps"], scoring)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_what_is_declared_to_matter_does_and_nothing_else(scenario):
    table = list(gains(scenario))
    for setting in table[0][0]:
        means = {}
        for level, gain in table:
            if setting == "lambda_np" and level["negative_augmentation"] != "void":
                continue
            if level["steps"] > 0 or setting in ("backbone", "n_a", "scorer", "epsilon", "steps"):
                means.setdefault(level[setting], []).append(gain)
        differs = np.ptp([np.mean(each) for each in means.values()]) > 1e-9
        assert differs == bool({setting, f"void.{setting}"} & scenario.matters), setting


def test_effects_go_where_they_are_declared_in_studies_and_shortcuts_change_nothing(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    cell = Cell(trials=12, episodes=2, noise=5)
    plain = planted(NOTHING, cell, tmp_path / "plain", seed=3)
    with shortcuts():
        quick = planted(NOTHING, cell, tmp_path / "quick", seed=3)
    assert plain.summary.validation is None  # its study is in no file
    quick_summary, plain_summary = vars(quick.summary), vars(plain.summary)
    for name in quick_summary.keys() - {"validation"}:
        assert quick_summary[name] == plain_summary[name], name
    assert quick.summary.validation.episodes == 3


@pytest.mark.parametrize(
    ("level", "inside", "outside"),
    [
        ("<= 0.4", [0.1, 0.4], [0.41]),
        ("0.4 to 0.8", [0.5, 0.8], [0.4, 0.9]),
        ("> 0.8", [0.9], [0.8]),
        ("resnet18", ["resnet18"], ["resnet50"]),
        ("10", [10], [1]),
        (0.01, [0.01], [0.1]),
        ("True", [True], [False]),
    ],
)
def test_levels_are_understood(level, inside, outside):
    assert all(map(within_level(level), inside))
    assert not any(map(within_level(level), outside))


def test_rates_count_studies_and_not_claims():
    cell = Cell(trials=12, episodes=2, noise=5, effect=10)
    wrong, right = Finding("s", "a", truth=0, claim=1), Finding("s", "b", truth=1, claim=1)
    silent, reverse = Finding("s", "b", truth=1, claim=0), Finding("s", "b", truth=1, claim=-1)
    [false, power] = rates("x", cell, [[wrong, wrong, right], [silent], [reverse], [right]])
    assert (false.kind, false.rate, false.studies, false.claims) == ("false", 0.5, 4, 5)
    assert (power.kind, power.rate, power.studies) == ("power", 0.5, 4)
    assert false.low < 0.5 < false.high
    [only] = rates("x", cell, [[Finding("s", "a", truth=0, claim=0)]] * 20)
    assert (only.kind, only.rate, only.low) == ("false", 0.0, 0.0)
