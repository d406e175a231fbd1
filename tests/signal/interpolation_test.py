from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from tfsr.errors import UserError
from tfsr.signal.interpolation import Flat, Linear, Spline

FIXTURES = Path(__file__).parents[1] / "fixtures"
ALL = [Spline(), Spline("not_a_knot"), Linear(), Linear(half_pixel=True), Flat()]
IN_PLACE = [Spline(), Spline("not_a_knot"), Linear(), Flat()]
RATIOS = st.integers(1, 8)
SEEDS = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def interpolate(interpolation, low: np.ndarray, ratio: int) -> np.ndarray:
    return interpolation(tf.constant(low[np.newaxis], tf.float32), ratio).numpy()[0]


@pytest.fixture(scope="module")
def published():
    return np.load(FIXTURES / "decimation_interpolation.npz")


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
@pytest.mark.parametrize("kind", ["alias", "cheby_zerophase"])
def test_spline_equals_the_published_preparation(published, ratio, kind):
    low, expected = published[f"r{ratio}/lr_{kind}"], published[f"r{ratio}/spline_{kind}"]
    np.testing.assert_allclose(
        interpolate(Spline("not_a_knot"), low, ratio), expected, rtol=0, atol=1e-5
    )
    inside = slice(20 * ratio, -20 * ratio)
    np.testing.assert_allclose(
        interpolate(Spline(), low, ratio)[inside], expected[inside], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
@pytest.mark.parametrize("interpolation, name", [(Linear(), "linear_king"), (Flat(), "flat_king")])
def test_linear_and_flat_equal_king(published, ratio, interpolation, name):
    result = interpolate(interpolation, published[f"r{ratio}/lr_alias"], ratio)
    np.testing.assert_allclose(result, published[f"r{ratio}/{name}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("ratio", [2, 3])
def test_linear_with_aligned_centres_equals_nuwave(ratio):
    published = np.load(FIXTURES / "brick_wall.npz")
    result = interpolate(Linear(half_pixel=True), published[f"x{ratio}/short/low"], ratio)
    np.testing.assert_allclose(result, published[f"x{ratio}/short/linear"], rtol=0, atol=1e-5)


@given(time=st.integers(2, 60), ratio=RATIOS, seed=SEEDS)
def test_not_a_knot_equals_scipy_at_any_length(time, ratio, seed):
    low = noise(time, seed=seed)
    expected = CubicSpline(np.arange(time), low)(np.arange(ratio * time) / ratio)
    result = interpolate(Spline("not_a_knot"), low, ratio)
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("interpolation", ALL)
@given(batch=st.integers(1, 3), time=st.integers(1, 60), ratio=RATIOS)
def test_shape_static_and_dynamic(interpolation, batch, time, ratio):
    low = tf.constant(noise(batch, time))
    eager = interpolation(low, ratio)
    assert eager.shape == (batch, ratio * time)
    static = tf.function(lambda x: interpolation(x, ratio)).get_concrete_function(
        tf.TensorSpec([None, time])
    )
    assert static.output_shapes.as_list() == [None, ratio * time]


@pytest.mark.parametrize("interpolation", IN_PLACE)
@given(time=st.integers(1, 60), ratio=RATIOS, seed=SEEDS)
def test_sample_t_stays_at_ratio_times_t(interpolation, time, ratio, seed):
    low = noise(time, seed=seed)
    np.testing.assert_array_equal(interpolate(interpolation, low, ratio)[::ratio], low)


@pytest.mark.parametrize("interpolation", ALL)
@given(time=st.integers(1, 60), ratio=RATIOS, a=st.floats(-2, 2), b=st.floats(-2, 2), seed=SEEDS)
def test_linear_in_the_signal(interpolation, time, ratio, a, b, seed):
    x, y = noise(2, time, seed=seed)
    parts = a * interpolate(interpolation, x, ratio) + b * interpolate(interpolation, y, ratio)
    np.testing.assert_allclose(interpolate(interpolation, a * x + b * y, ratio), parts, atol=2e-5)


@pytest.mark.parametrize("interpolation", ALL)
@given(time=st.integers(1, 60), ratio=RATIOS)
def test_a_constant_stays_constant(interpolation, time, ratio):
    result = interpolate(interpolation, np.full(time, 0.7), ratio)
    np.testing.assert_allclose(result, 0.7, rtol=1e-5)


@pytest.mark.parametrize("interpolation", ALL)
@given(ratio=RATIOS, start=st.integers(25, 60), seed=SEEDS)
def test_nothing_beyond_reach_matters(interpolation, ratio, start, seed):
    low = noise(160, seed=seed)
    stop, reach = start + 10, interpolation.reach
    whole = interpolate(interpolation, low, ratio)[start * ratio : stop * ratio]
    piece = interpolate(interpolation, low[start - reach : stop + reach], ratio)
    inside = piece[reach * ratio : (reach + 10) * ratio]
    np.testing.assert_allclose(inside, whole, rtol=0, atol=2e-6)


@given(time=st.integers(2, 60), ratio=st.integers(2, 8), seed=SEEDS)
def test_repeated_ends_do_not_spike(time, ratio, seed):
    low = noise(time, seed=seed)
    tail = interpolate(Spline(), low, ratio)[-ratio:]
    assert np.abs(tail - low[-1]).max() <= 0.2 * np.ptp(low)


def test_not_a_knot_ends_do_spike():
    low = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 1.0])
    assert np.abs(interpolate(Spline("not_a_knot"), low, 6)).max() > 2


def test_unknown_ends_are_refused():
    with pytest.raises(UserError, match='"natural".*"repeat"'):
        Spline("natural")


@pytest.mark.parametrize("interpolation", ALL)
def test_converts_to_tflite_builtins(interpolation, as_tflite):
    run = as_tflite(lambda low: interpolation(low, 3))
    for shape in [(1, 21), (2, 1003)]:
        expected = interpolation(tf.constant(noise(*shape)), 3)
        np.testing.assert_allclose(run(noise(*shape)), expected, rtol=0, atol=1e-5)
