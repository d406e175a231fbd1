"""The laws of layers that run frame by frame, on every one of them."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.layers.convnext import ConvNeXt, ConvNeXtBlock
from tfsr.layers.streaming import DepthwiseConv1D, StreamingConv1D, StreamingConv2D

CHANNELS = 6
LAYERS = {
    "convolution": lambda causal: StreamingConv1D(4, 5, causal),
    "depthwise": lambda causal: DepthwiseConv1D(3, causal, "normal"),
    "block": lambda causal: ConvNeXtBlock(2, 7, causal=causal),
    "blocks": lambda causal: ConvNeXt(4, 2, kernel=5, input_kernel=3, causal=causal),
}
FIELDS = {"convolution": 4, "depthwise": 2, "block": 6, "blocks": 10}
SPLITS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def built(name: str, causal: bool) -> keras.layers.Layer:
    layer = LAYERS[name](causal)
    layer(noise(1, 3, CHANNELS))
    # What starts at zero, or so small that an error would not show, is neither.
    for number, weight in enumerate(layer.weights):
        weight.assign(noise(*weight.shape, seed=number))
    return layer


@pytest.fixture(scope="module", params=LAYERS)
def causal(request) -> keras.layers.Layer:
    return built(request.param, causal=True)


@given(splits=SPLITS, batch=st.integers(1, 2))
def test_step_by_step_equals_the_whole(causal, splits, batch, rounding):
    x = noise(batch, sum(splits), CHANNELS)
    state, made = causal.initial_state(batch), []
    shapes = [part.shape for part in tf.nest.flatten(state)]
    for part in tf.split(x, splits, axis=1):
        y, state = causal.step(part, state)
        made.append(y)
        assert [part.shape for part in tf.nest.flatten(state)] == shapes
    whole = causal(x)
    atol = max(1e-5, rounding(5 * CHANNELS, whole))  # terms of a convolution's sum
    np.testing.assert_allclose(tf.concat(made, axis=1), whole, rtol=0, atol=atol)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("is_causal", [True, False])
def test_nothing_beyond_the_receptive_field_matters_and_its_ends_do(name, is_causal):
    layer = built(name, is_causal)
    before, after = layer.receptive_field
    reach = FIELDS[name]
    assert (before, after) == ((reach, 0) if is_causal else (reach // 2, reach // 2))
    assert layer.latency == after
    x, middle = noise(1, 41, CHANNELS).numpy(), 20
    changed = x.copy()
    changed[0, middle] += 1
    differs = np.any(layer(changed).numpy() != layer(x).numpy(), axis=(0, 2))
    touched = np.flatnonzero(differs)
    assert (touched[0], touched[-1]) == (middle - after, middle + before)


@pytest.mark.parametrize("name", LAYERS)
def test_what_sees_later_frames_does_not_stream(name):
    layer = built(name, causal=False)
    with pytest.raises(UserError, match=r"sees later frames.*causal=True"):
        layer.initial_state(1)
    with pytest.raises(UserError, match=r"sees later frames.*causal=True"):
        layer.step(noise(1, 3, CHANNELS), ())


@pytest.mark.parametrize("layer", [lambda: StreamingConv1D(4, 2), lambda: ConvNeXtBlock(kernel=6)])
def test_an_even_kernel_has_no_middle(layer):
    with pytest.raises(UserError, match=r"kernel is [26].*odd.*causal=True"):
        layer()


def test_a_causal_kernel_may_be_even():
    assert ConvNeXtBlock(kernel=6, causal=True).receptive_field == (5, 0)


def test_depthwise_convolves_every_channel_by_itself():
    layer, x = built("depthwise", causal=False), noise(2, 9, CHANNELS).numpy()
    for channel in range(CHANNELS):
        kernel, bias = layer.kernel[::-1, channel], layer.bias[channel]
        expected = [np.convolve(row, kernel, "same") + bias for row in x[..., channel]]
        np.testing.assert_allclose(layer(x)[..., channel], expected, rtol=0, atol=1e-5)


def test_steps_in_mixed_precision(mixed_precision):
    layer, x = built("blocks", causal=True), noise(1, 5, CHANNELS)
    y, state = layer.step(x, layer.initial_state(1))
    assert y.dtype == tf.float16
    assert {part.dtype for part in state} == {tf.float32}
    np.testing.assert_array_equal(y, layer(x))


@pytest.mark.parametrize("stride", [1, 2])
@given(splits=SPLITS)
def test_bins_beside_frames(stride, splits):
    """Over bins it is Keras's convolution, over frames one that runs step by step."""
    layer = StreamingConv2D(3, (3, 5), stride, causal=True)
    x = noise(2, sum(splits), 9, 2)
    whole = layer(x)
    padded = tf.pad(x, [[0, 0], [2, 0], [2, 2], [0, 0]])
    np.testing.assert_allclose(
        whole, tf.nn.conv2d(padded, layer.kernel, [1, 1, stride, 1], "VALID"), atol=1e-5
    )
    state, made = layer.initial_state(2), []
    for part in tf.split(x, splits, axis=1):
        y, state = layer.step(part, state)
        made.append(y)
    np.testing.assert_allclose(tf.concat(made, axis=1), whole, rtol=0, atol=1e-5)
    assert layer.receptive_field == (2, 0)
    assert StreamingConv2D(3, (3, 5), stride).receptive_field == (1, 1)
