"""What may be compared: rows that read a setting, after fine-tuning, each network once. Planted, nothing must show."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tune_runner.objective import sampler_row
from tune_runner.study.curves import within
from tune_runner.study.effects import effects
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.interactions import interactions
from tune_runner.study.trainings import trainings

BACKBONE = CategoricalDistribution(["resnet18", "resnet50"])
NUMBER = FloatDistribution(0, 1)


def study(params, rows):
    """Complete trials; the value is that of the best row, as an earlier version had it."""
    made = optuna.create_study(direction="maximize")
    for given, own in zip(params, rows, strict=True):
        made.add_trial(
            optuna.trial.create_trial(
                params=given,
                distributions={name: BACKBONE if name == "backbone" else NUMBER for name in given},
                value=max(row["auroc"] for row in own),
                user_attrs={"rows": own},
            )
        )
    return made.get_trials()


def scorers(seed, count=30):
    """Each training scored by a Gaussian and by kNN, which is 10 points better, under three epsilons and two numbers of
    neighbours: neither does anything to the scorer that reads it."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        level = generator.normal(0.7, 0.05)
        gaussian = level + generator.normal(0, 0.01)
        nearest = level + 0.1 + generator.normal(0, 0.01)
        rows.append(
            [
                {"steps": 20, "scorer": "gaussian", "epsilon": epsilon, "neighbours": 1, "l2_norm": True, "n_a": 10}
                | {"auroc": gaussian + generator.normal(0, 0.002)}
                for epsilon in (0.001, 0.01, 0.1)
            ]
            + [
                {"steps": 20, "scorer": "knn", "epsilon": 0.01, "neighbours": neighbours, "l2_norm": True, "n_a": 10}
                | {"auroc": nearest + generator.normal(0, 0.002)}
                for neighbours in (1, 5)
            ]
            + [
                {"steps": 20, "scorer": "patchcore", "epsilon": 0.01, "neighbours": 1, "l2_norm": norm, "n_a": 10}
                | {"auroc": level - 0.2 * norm}
                for norm in (True,)
            ]
            + [
                {"steps": 20, "scorer": "gaussian", "epsilon": 0.01, "neighbours": 1, "l2_norm": False, "n_a": 10}
                | {"auroc": gaussian + generator.normal(0, 0.002)}
            ]
        )
    return trainings(study([{"rate": float(x)} for x in generator.uniform(size=count)], rows))


def test_a_setting_is_compared_only_where_the_scorer_reads_it():
    """Mixed, epsilon 0.01 has the rows of kNN, and the neighbours those of the Gaussian."""
    shown = 0
    for seed in range(40):
        compared, _ = effects(scorers(seed))
        by_name = {effect.parameter: effect for effect in compared}
        assert by_name["scorer"].shown
        assert {"epsilon", "neighbours", "l2_norm"} <= by_name.keys()
        for name in ("epsilon", "neighbours", "l2_norm"):
            assert by_name[name].difference < 0.01
            shown += by_name[name].shown
    assert shown <= 8  # of 120


def test_curves_and_plateaus_leave_other_scorers_out_too():
    curves = {curve.parameter: curve for curve in within(scorers(0), EpisodeNoise())}
    assert curves["epsilon"].plateau == (0.001, 0.01, 0.1)
    assert all(abs(point.difference) < 0.01 for point in curves["epsilon"].points)
    assert curves["l2_norm"].plateau == (False, True)


def test_pairs_leave_other_scorers_out_too():
    shown = 0
    for seed in range(40):
        shown += bool(interactions(scorers(seed), seed=seed))
    assert shown <= 6


def untrained(seed, count=12, episodes=2):
    """Fine-tuning always harms, by chance more or less: the best row of every trial is its backbone's network before
    fine-tuning, of which the ResNet18 is better by 5 points on these support sets."""
    generator = np.random.default_rng(seed)
    before = {"resnet18": 0.85, "resnet50": 0.80}
    params = [{"backbone": name, "rate": float(generator.uniform())} for name in [*before] * (count // 2)]
    rows = []
    for given in params:
        after = generator.normal(0.65, 0.05)
        aurocs = {0: before[given["backbone"]], 20: after}
        rows.append([{"steps": at, "n_a": 10, "scorer": "gaussian", "auroc": auroc} for at, auroc in aurocs.items()])
    return study(params, rows)


def test_one_network_counted_several_times_shows_nothing():
    """By the best rows, six networks of each backbone would have no spread at all, and p < 0.01."""
    shown = 0
    for seed in range(100):
        compared, _ = effects(trainings(untrained(seed)))
        [backbone] = [effect for effect in compared if effect.parameter == "backbone"]
        shown += backbone.shown
    assert shown <= 11


def test_a_trial_is_its_best_row_after_fine_tuning():
    for one in trainings(untrained(0)):
        assert one.rows[one.best]["steps"] == 20
        assert not one.untrained


def test_a_network_that_was_never_fine_tuned_is_there_once():
    """However many trials begin from it, and whatever their training settings."""
    params = [{"backbone": "resnet18", "rate": rate} for rate in (0.1, 0.2, 0.3)] + [{"backbone": "resnet50"}]
    rows = [[{"steps": 0, "n_a": 10, "scorer": "gaussian", "auroc": 0.8}]] * 4
    assert [one.trial.number for one in trainings(study(params, rows))] == [0, 3]


def test_the_curve_of_steps_has_the_network_before_fine_tuning_once_for_each_backbone():
    generator = np.random.default_rng(0)
    params = [{"backbone": name} for name in ["resnet18", "resnet50"] * 4]
    before = {"resnet18": 0.85, "resnet50": 0.75}
    rows = [
        [{"steps": 0, "n_a": 10, "scorer": "gaussian", "auroc": before[given["backbone"]]}]
        + [
            {"steps": steps, "n_a": 10, "scorer": "gaussian", "auroc": 0.7 + generator.normal(0, 0.01)}
            for steps in (10, 20)
        ]
        for given in params
    ]
    [curve] = [curve for curve in within(trainings(study(params, rows)), EpisodeNoise()) if curve.parameter == "steps"]
    apart = [point for point in curve.points if point.note]
    assert [(point.value, point.auroc, point.of) for point in apart] == [(0, 0.85, 1), (0, 0.75, 1)]
    assert ["resnet18" in apart[0].note, "resnet50" in apart[1].note] == [True, True]
    assert [point.value for point in curve.points if not point.note] == [10, 20]
    assert not any(point.shown for point in apart)  # one support set is not enough evidence


@pytest.mark.parametrize(
    ("values", "steps", "row"),
    [
        ([[0.9, 0.6, 0.7]], (0, 10, 20), 2),  # the sampler learns from fine-tuned networks
        ([[0.9, 0.6, 0.7]], (0, 0, 0), 0),  # unless there is none
        ([[0.9, np.nan, np.nan]], (0, 10, 20), 0),  # or none that has the objective
        ([[0.1, 0.6, np.nan]], (0, 10, 20), 1),
        ([[0.9, 0.6, 0.7], [0.9, 0.8, 0.5]], (0, 10, 20), 1),
    ],
)
def test_the_sampler_is_not_given_ties_of_one_untrained_network(values, steps, row):
    assert sampler_row(np.array(values), steps) == row


def confounded(seed, count=48):
    """`rate` matters and `backbone` does not, but a sampler has learned what is good: most trials with a high rate have
    the one backbone that it began with."""
    generator = np.random.default_rng(seed)
    params, rows = [], []
    for _ in range(count):
        rate = float(generator.uniform())
        likely = 0.85 if rate > 0.5 else 0.15
        params.append({"rate": rate, "backbone": "resnet18" if generator.uniform() < likely else "resnet50"})
        auroc = 0.6 + 0.2 * (rate > 0.5) + generator.normal(0, 0.03)
        rows.append([{"steps": 20, "n_a": 10, "scorer": "gaussian", "auroc": auroc}])
    return study(params, rows)


def test_a_setting_is_not_given_the_effect_of_another_one_that_goes_with_it():
    shown, dominant = 0, 0
    for seed in range(60):
        compared = {effect.parameter: effect for effect in effects(trainings(confounded(seed)))[0]}
        shown += compared["backbone"].shown
        dominant += compared["rate"].shown
        assert compared["backbone"].allowing_for == "rate"
    assert shown <= 7
    assert dominant >= 48


def test_two_settings_that_always_go_together_cannot_be_told_apart():
    generator = np.random.default_rng(0)
    params = [
        {"backbone": "resnet18" if x > 0.5 else "resnet50", "rate": float(x > 0.5)} for x in np.linspace(0, 1, 20)
    ]
    rows = [
        [{"steps": 20, "n_a": 10, "scorer": "gaussian", "auroc": 0.6 + 0.2 * p["rate"] + generator.normal(0, 0.01)}]
        for p in params
    ]
    for effect in effects(trainings(study(params, rows)))[0]:
        assert (effect.shown, effect.p, effect.interval) == (False, 1.0, (-1.0, 1.0))
