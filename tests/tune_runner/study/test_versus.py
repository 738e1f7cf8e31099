"""Claims of "better" over many made-up sweeps: they are made no more often than their level says."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from coftad.metrics import aurocs
from tune_runner.study.episode_noise import EpisodeNoise, episode_noise
from tune_runner.study.versus import Side, corrected, versus

LABELS = np.repeat([0, 1], [60, 30]).astype(np.int8)
EVERY = np.arange(len(LABELS))
UNKNOWN = EpisodeNoise()


class MadeUp:
    """Configurations with these scores, (T, E, S), in the place of records and of a prepared sweep."""

    def __init__(self, *scores, images=None):
        self.all_scores = scores
        episodes = max(map(len, scores))
        self.images = images or [EVERY] * episodes
        self.episodes = [SimpleNamespace(test_rows=rows) for rows in self.images]
        self.image_set = SimpleNamespace(labels=np.tile(LABELS, 1 + int(max(map(np.max, self.images))) // len(LABELS)))

    def scores(self, record):
        return SimpleNamespace(
            scores=self.all_scores[record.trial][record.episode][None], image_rows=self.images[record.episode]
        )

    def side(self, trial):
        return Side(
            "ab"[trial], [SimpleNamespace(trial=trial, episode=e) for e in range(len(self.all_scores[trial]))], 0
        )

    def compared(self, noise=UNKNOWN, family=1):
        return versus(self, self, self.side(0), self.side(1), noise, family=family)


def test_equal_scores_are_no_difference():
    scores = np.random.default_rng(0).normal(size=(3, 90)) + LABELS
    found = MadeUp(scores, scores).compared()
    assert (found.difference, found.interval, found.better_in, found.of, found.p) == (0.0, (0.0, 0.0), 0, 3, 1.0)
    assert not found.shown


def test_a_difference_is_the_mean_of_those_of_each_episode():
    perfect, worst = LABELS.astype(float), -LABELS.astype(float)
    found = MadeUp(np.stack([perfect, worst]), np.stack([worst, worst])).compared()
    assert (found.auroc, found.other_auroc, found.difference, found.better_in, found.of) == (0.5, 0.0, 0.5, 1, 2)


def test_one_episode_shows_nothing():
    scores = np.random.default_rng(0).normal(size=(1, 90)) + 9 * LABELS
    found = MadeUp(scores, -scores).compared()
    assert found.p is None
    assert not found.shown


def test_only_episodes_that_both_have_finished_are_compared():
    scores = np.stack([LABELS, LABELS, -LABELS]).astype(float)
    found = MadeUp(scores, scores[:2]).compared()
    assert (found.of, found.auroc) == (2, 1.0)


def test_a_family_of_claims_is_corrected_as_sidak_says():
    scores = np.random.default_rng(1).normal(size=(2, 3, 90)) + LABELS * np.array([1.6, 0.8])[:, None, None]
    alone = MadeUp(*scores).compared()
    wide = corrected([alone] * 3)[0]
    assert wide.p == pytest.approx(1 - (1 - alone.p) ** 3)
    assert wide.interval[0] < alone.interval[0]
    assert wide.interval[1] > alone.interval[1]
    assert corrected([]) == ()


@pytest.mark.parametrize("family", [1, 4, 100])
def test_p_value_and_interval_agree(family):
    for seed in range(40):
        scores = np.random.default_rng(seed).normal(size=(2, 3, 90)) + LABELS * np.array([1.3, 0.8])[:, None, None]
        found = MadeUp(*scores).compared(family=family)
        assert (found.p < 0.05) == (found.interval[0] > 0 or found.interval[1] < 0)


def test_images_are_coupled_by_identity_and_not_by_position():
    """The same scores on the same images, once in another order in the second episode, once on other images there."""
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 2, 90)) + LABELS
    shuffled = generator.permutation(90)
    reordered = [np.stack([scores[0], scores[1][shuffled]]) for scores in (one, other)]
    same = MadeUp(one, other).compared()
    moved = MadeUp(*reordered, images=[EVERY, EVERY[shuffled]])
    assert moved.compared().variance == pytest.approx(same.variance)
    apart = MadeUp(one, other, images=[EVERY, EVERY + 90]).compared()
    assert apart.variance != pytest.approx(same.variance, rel=0.01)


def test_other_images_in_each_episode_make_a_mean_surer():
    """One hard image hurts every episode that has it, and only those."""
    generator = np.random.default_rng(0)
    one, other = (np.stack([scores] * 2) for scores in generator.normal(size=(2, 90)) + LABELS)
    same = MadeUp(one, other).compared()
    apart = MadeUp(one, other, images=[EVERY, EVERY + 90]).compared()
    assert apart.variance == pytest.approx(same.variance / 2, rel=0.02)


def drawn(generator, configurations, episodes, noise, unequal, gain):
    """Scores (T, E, S) whose AUROC is 75 %, of the first one `gain` more, with `noise` for each support set."""
    deviations = noise * np.exp(generator.normal(0, 0.5, configurations) * unequal)
    levels = 0.75 + gain * (np.arange(configurations) == 0)
    level_TE = levels[:, None] + generator.normal(size=(configurations, episodes)) * deviations[:, None]
    strength_TE = norm.ppf(np.clip(level_TE, 0.02, 0.98)) * np.sqrt(2.5)
    hard = generator.normal(size=len(LABELS))
    own = generator.normal(0, 0.5, (configurations, episodes, len(LABELS)))
    return hard + strength_TE[..., None] * LABELS + own


def rate(studies, episodes, noise, *, unequal=False, gain=0.0):
    """Of how many made-up sweeps of 12 configurations it is claimed that the first two differ."""
    shown = 0
    for seed in range(studies):
        scores = drawn(np.random.default_rng(seed), 12, episodes, noise, unequal, gain)
        known = episode_noise(np.array([[aurocs(LABELS, line[None])[0] for line in each] for each in scores]))
        shown += MadeUp(scores[0], scores[1]).compared(known).shown
    return shown / studies


@pytest.mark.slow
@pytest.mark.parametrize("episodes", [2, 3, 5, 10])
@pytest.mark.parametrize(("noise", "unequal"), [(0.0, False), (0.05, False), (0.15, False), (0.1, True)])
def test_equal_configurations_are_told_apart_no_more_often_than_the_level(episodes, noise, unequal):
    """15 of 200 are expected in one of 20 tests at a rate of 5 %; 19 in one of 200. A percentile bootstrap had 24."""
    assert rate(200, episodes, noise, unequal=unequal) <= 19 / 200


@pytest.mark.slow
def test_a_large_difference_is_claimed():
    assert rate(40, 3, 0.02, gain=0.15) > 0.9
    assert rate(40, 2, 0.04, gain=0.2) > 0.6


def test_an_interval_ends_where_differences_of_auroc_end():
    """Two support sets with opposite results say nothing, and no more than that."""
    perfect, worst = LABELS.astype(float), -LABELS.astype(float)
    found = MadeUp(np.stack([perfect, worst]), np.stack([worst, perfect])).compared()
    assert found.interval == (-1.0, 1.0)
    assert not found.shown
