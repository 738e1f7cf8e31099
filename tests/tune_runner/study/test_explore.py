"""Optuna's figures of large and of conditional studies."""

import warnings

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.tune_runner.made_up import planted, study_of
from tune_runner.study import explore


def test_thinning_keeps_each_trial_that_was_the_best_so_far():
    trials = planted(300)
    kept = explore.thinned(trials, 50)
    assert len(kept) == 50
    numbers = [trial.number for trial in kept]
    assert numbers == sorted(set(numbers))
    values = np.array([trial.value for trial in trials])
    assert set(np.flatnonzero(values == np.maximum.accumulate(values))) <= set(numbers)
    assert np.diff(numbers).max() <= 2 * 300 / 50  # even
    assert explore.thinned(trials, 300) == trials


def test_thinning_of_a_study_that_rises_throughout():
    trials = study_of(np.arange(100) / 100, [{}] * 100, {})
    assert explore.thinned(trials, 10) == trials


def test_history_keeps_the_trials_numbers(monkeypatch):
    monkeypatch.setattr(explore, "MOST_MARKS", 30)
    trials = planted(200)
    figure = explore.history(trials)
    kept = explore.thinned(trials, 30)
    assert list(figure.data[0].x) == [trial.number for trial in kept]
    assert max(figure.data[1].y) == pytest.approx(max(trial.value for trial in trials))


def test_a_setting_that_some_trials_lack():
    distributions = planted(2)[0].distributions
    given = [{"backbone": "a", "lambda": index / 40} if index % 2 else {"backbone": "b"} for index in range(40)]
    trials = study_of(np.linspace(0.5, 0.9, 40), given, distributions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [whole, part] = explore.slices(trials, ["backbone", "lambda"])
        assert (len(whole.data[0].x), len(part.data[0].x)) == (40, 20)
        assert explore.parallel(trials, ["backbone", "lambda"]) is None  # one is common to all
        assert explore.contours(trials, ["backbone", "lambda"]) == []  # a choice has no contours


def test_contours_are_of_numeric_settings_that_some_trial_has_both_of():
    kinds = {name: FloatDistribution(0, 1) for name in ("x", "a.l", "b.l")}
    kinds["negative"] = CategoricalDistribution(["a", "b"])
    draws = zip("ab" * 20, *np.random.default_rng(0).random((2, 40)), strict=True)
    given = [{"negative": name, f"{name}.l": y, "x": x} for name, x, y in draws]
    trials = study_of(np.linspace(0.5, 0.9, 40), given, kinds)
    figures = explore.contours(trials, ["a.l", "negative", "b.l", "x"])
    shown = [{figure.layout.xaxis.title.text, figure.layout.yaxis.title.text} for figure in figures]
    assert shown == [{"a.l", "x"}, {"b.l", "x"}]
