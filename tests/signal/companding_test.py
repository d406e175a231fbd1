import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.companding import MuLaw, dequantize, quantize, sign_only

samples = st.lists(st.floats(-1, 1), min_size=1, max_size=20).map(np.array)
mus = st.sampled_from([1.0, 255.0, 256.0])


def test_equals_the_definition():
    x = np.linspace(-1, 1, 101)
    expected = np.sign(x) * np.log(1 + 255 * np.abs(x)) / np.log(256)
    np.testing.assert_allclose(MuLaw()(x), expected, rtol=1e-12)
    np.testing.assert_allclose(MuLaw()(np.array([-1.0, 0.0, 1.0])), [-1, 0, 1])


@given(x=samples, mu=mus)
def test_expand_is_the_inverse(x, mu):
    np.testing.assert_allclose(MuLaw(mu).expand(MuLaw(mu)(x)), x, atol=1e-12)
    np.testing.assert_allclose(MuLaw(mu)(MuLaw(mu).expand(x)), x, atol=1e-12)


@given(x=samples, mu=mus)
def test_is_odd_and_grows(x, mu):
    np.testing.assert_allclose(MuLaw(mu)(-x), -MuLaw(mu)(x))
    assert np.all(np.diff(MuLaw(mu)(np.sort(x))) >= 0)


def test_quiet_samples_get_more_of_the_codes():
    codes = quantize(MuLaw()(np.linspace(-1, 1, 2001)))
    assert np.mean(np.abs(codes - 127.5) < 64) < 0.13  # half of them for |x| < 1 / 17
    # One interval at zero is as wide as 1 / 255 * ln(256) of a linear one.
    steps = np.diff(MuLaw().expand(dequantize(np.arange(126.0, 130))))
    np.testing.assert_allclose(steps * 128, np.log(256) / 255, rtol=0.05)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (2, 5, 1)])
def test_tensors_and_arrays_give_the_same(dtype, shape):
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(dtype)
    for function in (MuLaw(), MuLaw().expand, sign_only, quantize, dequantize):
        array, tensor = function(x), function(tf.constant(x))
        assert tf.is_tensor(tensor) and not tf.is_tensor(array)
        assert tensor.dtype == array.dtype == dtype and tensor.shape == array.shape == shape
        np.testing.assert_allclose(tensor, array, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "code"),
    [(0.0, 128), (1.0, 255), (3.0, 255), (-1.0, 0), (-3.0, 0), (-1 / 32768, 127), (1 / 32768, 128)],
)
def test_codes_that_are_known(x, code):
    assert quantize(MuLaw(256)(np.float32(x))) == code
    assert quantize(MuLaw(256)(tf.constant(x))) == code


def test_the_sign_alone_has_three_codes():
    x = np.float32([-1, -1e-9, -0.0, 0, 1e-9, 1])
    np.testing.assert_array_equal(quantize(sign_only(x)), [0, 0, 128, 128, 255, 255])


@given(levels=st.sampled_from([2, 120, 256]), y=samples)
def test_a_code_is_half_an_interval_away_at_most(levels, y):
    codes = quantize(y, levels)
    assert np.all((codes >= 0) & (codes < levels) & (codes == np.floor(codes)))
    assert np.abs(dequantize(codes, levels) - y).max() <= 1 / levels + 1e-9
    np.testing.assert_array_equal(quantize(dequantize(codes, levels), levels), codes)
