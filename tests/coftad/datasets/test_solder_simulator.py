import math
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from coftad.datasets import solder_simulator
from coftad.datasets.semicon import SemiCon
from coftad.datasets.solder_simulator import SolderSimulator
from coftad.datasets.solder_slice import CROP, GRID, Ball, X, Y, length, render
from coftad.types import InputError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COFTAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def small(**changes):
    return SolderSimulator(
        **{"normal": 3, "defective": 2, "normal_at_most": 2.0, "defective_at_least": 7.0, "seed": 0} | changes
    )


def ball(**changes):
    return Ball(**{"x": 0.1, "y": -0.05, "r": 0.7, "c": 0.7, "h": 0.4, "pad": 0.4, "tilt": 0.0} | changes)


@pytest.mark.parametrize("tilt", [0.0, 0.4, 0.8])
def test_a_ray_through_a_sphere_has_its_chords_length_under_any_tilt(tilt):
    """2 sqrt(r^2 - d^2), d the ray's distance from the centre."""
    distance = np.hypot(X - 0.1, Y + 0.05)
    chord = 2 * np.sqrt(np.maximum(0.7**2 - distance**2, 0))
    np.testing.assert_allclose(length(ball(tilt=tilt).spheroid()), chord, atol=2e-3)


@pytest.mark.parametrize("tilt", [0.0, 0.3, 0.7])
def test_path_lengths_integrate_to_the_truncated_spheres_volume_under_any_tilt(tilt):
    """A ball cut at +-h has the volume 2 pi h (r^2 - h^2 / 3), from wherever it is seen."""
    made = ball(tilt=tilt)
    measured = length(made.spheroid(), made.slab(-0.4, 0.4)).sum() * (2 / GRID) ** 2
    assert measured == pytest.approx(2 * math.pi * 0.4 * (0.7**2 - 0.4**2 / 3), rel=2e-3)


@pytest.mark.parametrize("tilt", [0.0, 0.3, 0.7])
def test_path_lengths_integrate_to_a_pads_volume_under_any_tilt(tilt):
    made = ball(tilt=tilt)
    measured = length(made.cylinder(0.5), made.slab(0.2, 0.4)).sum() * (2 / GRID) ** 2
    assert measured == pytest.approx(math.pi * 0.5**2 * 0.2, rel=2e-2)


@pytest.mark.parametrize(("ratio", "count"), [(0.0, 0), (1.0, 1), (2.0, 4), (7.0, 1), (13.0, 6)])
def test_the_counted_void_ratio_is_the_one_asked_for(ratio, count):
    for seed in range(5):
        drawn = render(np.random.default_rng(seed), ratio, count)
        assert drawn.void_ratio_percent == pytest.approx(ratio, abs=0.15)
        assert not (drawn.void & ~drawn.solder).any()


def test_voids_are_brighter_than_the_solder_around_them():
    """The same slice with and without its void: less solder lets more of the beam pass."""
    bright = 0
    for seed in range(10):
        drawn = render(np.random.default_rng(seed), 8.0, 1)
        void = drawn.void.reshape(CROP, 2, CROP, 2).all((1, 3))
        solder = (drawn.solder & ~drawn.void).reshape(CROP, 2, CROP, 2).all((1, 3))
        bright += drawn.pixels[void].mean() > drawn.pixels[solder].mean() + 10
    assert bright >= 9


def test_every_slice_is_on_its_side_of_the_thresholds(cache):
    crops = small(normal=40, defective=20).crops()
    assert crops.void_ratio_percent[:40].max() <= 2.0
    assert crops.void_ratio_percent[40:].min() >= 7.0
    assert (crops.void_ratio_percent[:40] > 0).any()


def test_a_slice_does_not_depend_on_how_many_there_are(cache):
    few, many = small(), small(normal=5, defective=4)
    few_crops, many_crops = few.crops().pixels, many.crops().pixels
    np.testing.assert_array_equal(few_crops[:3], many_crops[:3])
    np.testing.assert_array_equal(few_crops[3:], many_crops[5:7])
    assert not np.array_equal(few_crops[0], few_crops[1])
    assert not np.array_equal(few_crops[0], small(seed=1).crops().pixels[0])


def test_the_second_time_comes_from_the_cache(cache, monkeypatch):
    first = small().crops()
    assert [path.name for path in cache.iterdir()] == [small().cache_path().name]
    monkeypatch.setattr(SolderSimulator, "_draw", lambda _: pytest.fail("drawn again"))
    second = small().crops()
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.void_ratio_percent, second.void_ratio_percent)
    assert small(seed=1).cache_path() != small().cache_path()
    monkeypatch.setattr(solder_simulator, "VERSION", solder_simulator.VERSION + 1)
    assert not small().cache_path().exists()


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"x" * len(data)]
)
def test_a_damaged_cache_is_drawn_again(cache, damage):
    first = small().crops()
    path = small().cache_path()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    np.testing.assert_array_equal(small().crops().pixels, first.pixels)
    assert path.read_bytes() == whole


def test_a_flipped_byte_in_the_cache_is_noticed(cache):
    first = small().crops()
    path = small().cache_path()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    np.testing.assert_array_equal(small().crops().pixels, first.pixels)


def test_a_cache_that_cannot_be_written_only_warns(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COFTAD_CACHE", str(tmp_path / "file" / "below"))
    with pytest.warns(UserWarning, match="not cached"):
        crops = small().crops()
    assert crops.pixels.shape == (5, CROP, CROP)


@pytest.mark.parametrize("threshold", [0.2, 40.0])
def test_thresholds_that_cannot_be_drawn_are_refused(cache, threshold):
    with pytest.raises(InputError, match=r"expected 0.5 to 15"):
        small(normal_at_most=0.0, defective_at_least=threshold).crops()


@pytest.mark.parametrize("threshold", [0.5, 15.0])
def test_thresholds_at_the_limits_can_be_drawn(cache, threshold):
    crops = small(normal=2, defective=12, normal_at_most=0.4, defective_at_least=threshold).crops()
    assert crops.void_ratio_percent[2:].min() >= threshold


@pytest.mark.slow
def test_grey_values_are_those_of_the_real_crops(cache, data_root):
    """What would tell real from simulated at a glance; for the rest there is the benchmark's picture."""
    real = SemiCon(data_root / "semicon").load(CROP).images[:, 0].astype(float)
    simulated = small(normal=80, defective=20).crops().pixels.astype(float)
    for statistic in (lambda x: x.mean((1, 2)), lambda x: x.std((1, 2)), lambda x: np.percentile(x, 99, (1, 2))):
        apart = abs(statistic(real).mean() - statistic(simulated).mean())
        assert apart < 1.5 * statistic(real).std()


def test_a_user_without_a_home_has_a_cache_among_the_temporary_files(monkeypatch):
    monkeypatch.delenv("COFTAD_CACHE", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does for such a user
    assert SolderSimulator(1, 1, 2.0, 5.0, 0).cache_path().parent == Path(
        tempfile.gettempdir(), f"coftad-{os.getuid()}"
    )
