"""Criteria without labels are judged as they deserve: planted good ones, bad ones, and noise."""

from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from scipy.stats import norm, spearmanr

from coftad.metrics import evaluate
from tests.tune_runner import planted
from tune_runner.study import label_free, scored
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.label_free import verdicts

STEPS = (0, 10, 20)
LABELS = np.repeat([0, 1], [80, 40]).astype(np.int8)
TEST = np.arange(0, 120, 2)
EPISODES = 2


class MadeUp:
    """Scores whose AUROC is known: trial and row have a quality each. In the place of records, too.

    criterion: a function of (quality (trials, rows), generator) -> {name: (trials, rows), NaN where it is missing}.
    """

    def __init__(self, count, criterion, seed=0):
        generator = np.random.default_rng(seed)
        self.quality = 0.7 + 0.1 * generator.uniform(-1, 1, (count, 1)) + 0.05 * generator.uniform(-1, 1, (count, 3))
        distance = np.sqrt(2) * norm.ppf(self.quality)
        hard = generator.normal(0, 1, (EPISODES, 1, 1, len(LABELS)))  # the same images are hard for all
        own = generator.normal(0, 1, (EPISODES, count, 3, len(LABELS)))
        self.all_scores = np.sqrt(0.9) * hard + np.sqrt(0.1) * own + distance[..., None] * LABELS
        self.prepared = SimpleNamespace(
            image_set=SimpleNamespace(labels=LABELS), episodes=[SimpleNamespace(test_rows=TEST)] * EPISODES
        )
        found = criterion(self.quality, generator)
        study = optuna.create_study(direction="maximize")
        for trial in range(count):
            rows = [
                {
                    "steps": steps,
                    "n_a": 5,
                    "auroc": float(self.quality[trial, row] + generator.normal(0, 0.01)),
                    "criteria": {
                        name: float(values[trial, row])
                        for name, values in found.items()
                        if np.isfinite(values[trial, row])
                    },
                }
                for row, steps in enumerate(STEPS)
            ]
            study.add_trial(optuna.trial.create_trial(value=0.0, user_attrs={"rows": rows}))
        self.trials = study.get_trials()
        self.read = []

    def of(self, trial):
        return [SimpleNamespace(trial=trial, episode=episode) for episode in range(EPISODES)]

    def scores(self, record):
        self.read.append(record.trial)
        return SimpleNamespace(image_rows=np.arange(120), scores=self.all_scores[record.episode, record.trial])

    def judged(self, seed=0):
        return {each.criterion: each for each in verdicts(self.prepared, self.trials, self, EpisodeNoise(), seed=seed)}

    def test_auroc(self, trial, row):
        scores = self.all_scores[:, trial, row]
        return np.mean([evaluate(LABELS[TEST], each[TEST]).auroc for each in scores])


def test_a_criterion_that_is_auroc_with_a_little_noise_is_right_and_costs_next_to_nothing():
    study = MadeUp(
        40, lambda quality, generator: {"unused_negative": quality + generator.normal(0, 0.005, quality.shape)}
    )
    found = study.judged()["unused_negative"]
    assert found.rank_correlation > 0.9
    assert found.correlation_interval[0] > 0.8
    assert abs(found.lost) < 0.03
    assert found.lost_interval[0] <= 0 <= found.lost_interval[1]
    assert (found.trials, found.needed) == (40, 10)


def test_of_the_loss_the_lower_is_the_better_and_what_is_wrong_is_negative():
    study = MadeUp(40, lambda quality, generator: {"loss": 1 - quality, "compactness": 1 - quality})
    found = study.judged()
    assert found["loss"].rank_correlation > 0.9
    assert found["compactness"].rank_correlation < -0.5
    assert found["loss"].lost < 0.03 < 0.1 < found["compactness"].lost
    assert found["compactness"].lost_interval[0] > 0


def test_choice_and_numbers_are_those_of_a_loop():
    study = MadeUp(15, lambda quality, generator: {"compactness": generator.normal(size=quality.shape)}, seed=3)
    found = study.judged()["compactness"]
    values = [[row["criteria"]["compactness"] for row in trial.user_attrs["rows"]] for trial in study.trials]
    searched = [[row["auroc"] for row in trial.user_attrs["rows"]] for trial in study.trials]
    trial, row = max(np.ndindex(15, 3), key=lambda at: values[at[0]][at[1]])
    best = max(np.ndindex(15, 3), key=lambda at: searched[at[0]][at[1]])
    assert (found.chosen_trial, found.chosen_row) == (trial, {"steps": STEPS[row], "n_a": 5})
    assert found.lost == pytest.approx(study.test_auroc(*best) - study.test_auroc(trial, row))
    tests = [study.test_auroc(number, int(np.argmax(own))) for number, own in enumerate(values)]
    assert found.rank_correlation == pytest.approx(spearmanr(np.max(values, 1), tests).statistic)


def test_the_interval_of_pure_noise_covers_nothing_as_often_as_it_says():
    covered = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        low, high = label_free._correlation(*generator.normal(size=(2, 20))).interval()
        covered += low <= 0 <= high
    assert covered >= 89


def test_what_noise_loses_is_covered_by_its_interval():
    """The truth of a choice is its planted quality."""
    covered = 0
    for seed in range(30):
        study = MadeUp(12, lambda quality, generator: {"loss": generator.normal(size=quality.shape)}, seed=seed)
        found = study.judged()["loss"]
        rows = [trial.user_attrs["rows"] for trial in study.trials]
        best = max(np.ndindex(12, 3), key=lambda at: rows[at[0]][at[1]]["auroc"])
        own = found.chosen_trial, STEPS.index(found.chosen_row["steps"])
        truth = study.quality[best] - study.quality[own]
        covered += found.lost_interval[0] <= truth <= found.lost_interval[1]
    assert covered >= 24


def test_too_few_configurations_say_nothing():
    def only_some(quality, generator):
        some = np.where(np.arange(len(quality))[:, None] < 9, quality, np.nan)
        return {"used_negative": some, "unused_negative": quality}

    found = MadeUp(12, only_some).judged()
    assert found["used_negative"] == label_free.Verdict("used_negative", trials=9, needed=10)
    assert found["unused_negative"].rank_correlation is not None
    assert (found["loss"].trials, found["loss"].lost) == (0, None)


def test_a_criterion_that_is_the_same_everywhere_ranks_nothing_and_chooses_the_first():
    def alike(quality, generator):
        return {"compactness": np.where(np.array(STEPS) > 0, np.ones_like(quality), np.nan)}

    found = MadeUp(12, alike).judged()["compactness"]
    assert (found.rank_correlation, found.correlation_interval) == (None, None)
    assert (found.chosen_trial, found.chosen_row["steps"]) == (0, 10)


def test_the_network_before_fine_tuning_counts_once_however_many_trials_would_choose_it():
    found = MadeUp(40, lambda quality, generator: {"compactness": -np.arange(3) + 0 * quality}).judged()["compactness"]
    assert (found.trials, found.rank_correlation) == (1, None)


def test_of_many_configurations_a_part_is_read_and_all_are_chosen_from(monkeypatch):
    monkeypatch.setattr(label_free, "MOST", 15)
    study = MadeUp(60, lambda quality, generator: {"compactness": quality, "loss": -quality})
    found = study.judged()
    assert len(set(study.read)) <= 15 + 2
    assert found["compactness"].trials == 60
    assert found["compactness"].chosen_trial == np.argmax(study.quality.max(1))
    assert found["compactness"] == study.judged()["compactness"]


def test_a_study_of_before_there_were_criteria_has_none():
    study = MadeUp(12, lambda quality, generator: {})
    for trial in study.trials:
        for row in trial.user_attrs["rows"]:
            del row["criteria"]
    assert {(each.trials, each.lost) for each in study.judged().values()} == {(0, None)}
    assert study.read == []
    assert verdicts(study.prepared, [], study, EpisodeNoise(), seed=0)[0].trials == 0


def test_test_aurocs_of_a_sweep_are_those_one_by_one(tmp_path):
    sweep = planted.begin(tmp_path)
    number = sweep.finish()
    found = scored.aurocs_on_test(sweep.prepared, sweep.records, number)
    for record, aurocs in zip(sweep.records.of(number), found, strict=True):
        for row, auroc in enumerate(aurocs):
            [labels], [scores] = scored.labels_and_scores(sweep.prepared, sweep.records, [record], row, "test_rows")
            assert auroc == pytest.approx(evaluate(labels, scores).auroc, rel=1e-12)
