import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from coftad.datasets.images import image_set
from coftad.datasets.protocol import Protocol, check, episode
from coftad.seeding import derive
from coftad.types import InputError


def pool(normal, anomalous, native=None):
    """Anomalies in between the normals, so that rows and labels cannot be mixed up unseen.

    native: of the normal images, how many are the set's training part, spread among the others.
    """
    labels = np.zeros(normal + anomalous, np.int8)
    order = np.random.default_rng(0).permutation(len(labels))
    labels[order[:anomalous]] = 1
    part = None
    if native is not None:
        part = np.zeros(len(labels), bool)
        part[order[anomalous : anomalous + native]] = True
    images = np.zeros((len(labels), 3, 1, 1), np.uint8)
    return image_set("toy", images, labels, [str(i) for i in range(len(labels))], {}, part)


def rows(made):
    return made.train_rows.tolist(), made.search_rows.tolist(), made.test_rows.tolist()


@settings(deadline=None)
@given(
    normal=st.integers(2, 60),
    anomalous=st.integers(0, 20),
    shots=st.integers(2, 20),
    holdout=st.sampled_from([0.0, 0.2, 0.5, 0.9]),
    pool_normal=st.none() | st.integers(1, 40),
    pool_anomalous=st.none() | st.integers(1, 20),
    native=st.none() | st.integers(0, 30),
    seed=st.integers(0, 3),
)
def test_an_episode_is_sound_or_refused_as_check_says(
    normal, anomalous, shots, holdout, pool_normal, pool_anomalous, native, seed
):
    outside = normal if native is None else max(0, normal - native)
    toy, protocol = pool(normal, anomalous, native), Protocol(shots, holdout, pool_normal, pool_anomalous)
    try:
        check(toy, protocol)
    except InputError:
        with pytest.raises(InputError):
            episode(toy, protocol, seed=seed, index=0)
        return
    episodes = [episode(toy, protocol, seed=seed, index=index) for index in range(3)]
    for index, made in enumerate(episodes):
        train, search, test = map(set, rows(made))
        assert len(made.train_rows) == len(train) == shots
        assert not toy.labels[made.train_rows].any()
        assert made.seed == derive(seed, "episode", index)
        for part in (made.search_rows, made.test_rows):
            assert set(toy.labels[part].tolist()) == {0, 1}
            assert (np.diff(part) > 0).all()
            assert not train & set(part.tolist())
        assert made.shared == (holdout == 0)
        if holdout:
            assert not search & test
            assert test == set(episodes[0].test_rows.tolist())
        scored = toy.labels[made.scored_rows]
        assert (scored == 1).sum() == (anomalous if pool_anomalous is None else pool_anomalous)
        if native is not None:
            assert toy.for_support[made.train_rows].all()
            assert not toy.for_support[made.scored_rows].any()
        rest = outside - shots if native is None else outside
        assert (scored == 0).sum() == (rest if pool_normal is None else pool_normal)
        if pool_normal is not None or native is not None:
            assert made.scored_rows.tolist() == episodes[0].scored_rows.tolist()


@pytest.mark.parametrize("native", [None, 50])
@pytest.mark.parametrize("pool_normal", [None, 40])
@pytest.mark.parametrize("holdout", [0, 0.5])
def test_smaller_support_sets_are_the_beginning_of_larger_ones(holdout, pool_normal, native):
    toy = pool(100, 10, native)
    five, ten, fifty = (
        episode(toy, Protocol(shots, holdout, pool_normal), seed=3, index=2).train_rows.tolist()
        for shots in (5, 10, 45)
    )
    assert five == ten[:5]
    assert ten == fifty[:10]


def test_the_same_seed_and_index_give_the_same_episode_whatever_was_drawn_before():
    toy = pool(100, 10)
    first = rows(episode(toy, Protocol(5), seed=1, index=4))
    for index in range(4):
        episode(toy, Protocol(5), seed=1, index=index)
    assert rows(episode(toy, Protocol(5), seed=1, index=4)) == first
    assert rows(episode(toy, Protocol(5), seed=1, index=5))[0] != first[0]
    assert rows(episode(toy, Protocol(5), seed=2, index=4))[2] != first[2]


def test_draws_of_a_set_without_a_training_part_never_change():
    """What sweeps of the past have recorded can be drawn again."""
    toy = pool(12, 4)
    assert rows(episode(toy, Protocol(2, 0.5), seed=1, index=2)) == (
        [6, 4],
        [1, 2, 5, 7, 10, 15],
        [0, 3, 8, 9, 11, 12, 13, 14],
    )
    assert rows(episode(toy, Protocol(2, 0, 6, 3), seed=1, index=2)) == (
        [6, 4],
        [0, 2, 3, 8, 9, 11, 12, 13, 14],
        [0, 2, 3, 8, 9, 11, 12, 13, 14],
    )


def test_the_pool_beside_a_training_part_is_the_same_for_all_episodes_and_shots():
    toy = pool(60, 10, 40)
    made = [episode(toy, Protocol(shots, 0.5), seed=0, index=index) for shots in (5, 10) for index in (0, 1)]
    for each in made:
        assert each.test_rows.tolist() == made[0].test_rows.tolist()
        assert each.search_rows.tolist() == made[0].search_rows.tolist()
    assert np.bincount(toy.labels[made[0].scored_rows]).tolist() == [20, 10]


def test_anomalous_images_in_the_training_part_are_refused():
    toy = pool(10, 5)
    part = toy.labels == 1
    wrong = image_set("toy", toy.images, toy.labels, toy.paths, {}, part)
    with pytest.raises(ValueError, match="toy: 5 anomalous images are in the training part"):
        check(wrong, Protocol(2))


@pytest.mark.parametrize(
    ("native", "protocol", "message"),
    [
        (8, Protocol(10), "shots: 10 need as many normal images in the training part, 8 are there"),
        (8, Protocol(2, 0, 13), "pool_normal: 13 needs as many normal images outside of the training part, 12 are"),
        (19, Protocol(2, 0.9), "search needs 1 normal image or more: holdout: 0.9 of 1 outside of the training part"),
        (20, Protocol(2), "test needs 1 normal image or more: holdout: 0.5 of 0 outside of the training part leaves 0"),
    ],
)
def test_too_small_a_set_with_a_training_part_is_refused_with_the_numbers(native, protocol, message):
    with pytest.raises(InputError) as caught:
        check(pool(20, 8, native), protocol)
    assert message in str(caught.value)


def test_the_papers_semicon_protocol():
    """Section IV.A: 5, 10 or 50 shots, 500 normal and 110 defective images for testing."""
    made = episode(pool(560, 120), Protocol(50, 0, 500, 110), seed=0, index=0)
    assert made.shared
    assert np.bincount(made.pool.labels[made.test_rows]).tolist() == [500, 110]


def test_anomalies_of_a_smaller_pool_are_among_those_of_a_larger_one():
    """As in Table IX, where only the number of anomalies varies."""
    toy = pool(60, 20)
    few, many = (episode(toy, Protocol(5, 0, 40, n), seed=0, index=0).scored_rows for n in (5, 20))
    assert set(few.tolist()) < set(many.tolist())


@pytest.mark.parametrize(
    ("normal", "anomalous", "protocol", "message"),
    [
        (
            500,
            110,
            Protocol(50, 0, 500, 110),
            "shots: 50 beside pool_normal: 500 need 550 normal images, 500 are there",
        ),
        (560, 90, Protocol(50, 0, 500, 110), "pool_anomalous: 110 needs as many anomalous images, 90 are there"),
        (20, 5, Protocol(10), "need 11 normal images; of 20 there, after holdout: 0.5 put 10 into test, 10 are left"),
        (10, 5, Protocol(10, 0), "need 11 normal images; of 10 there, 10 are left"),
        (20, 0, Protocol(5), "there are no anomalous images"),
        (20, 1, Protocol(5), "holdout: 0.5 of 1 leaves 0"),
        (4, 8, Protocol(2, 0.1), "test needs 1 normal image or more: holdout: 0.1 of 4 leaves 0"),
        (20, 8, Protocol(2, 0.5, 1), "holdout: 0.5 of pool_normal: 1 leaves 0"),
    ],
)
def test_too_small_a_set_is_refused_with_the_numbers(normal, anomalous, protocol, message):
    with pytest.raises(InputError) as caught:
        check(pool(normal, anomalous), protocol)
    assert message in str(caught.value)
    assert "'toy'" in str(caught.value)


@pytest.mark.parametrize("bad", [{"shots": 1}, {"shots": 5, "holdout": 1.0}, {"shots": 5, "pool_normal": 0}, {}])
def test_impossible_protocols_are_refused(bad):
    with pytest.raises(ValidationError):
        Protocol(**bad)
