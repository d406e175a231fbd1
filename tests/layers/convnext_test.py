import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from scipy.special import erf

from tfsr.layers.convnext import ConvNeXt, ConvNeXtBlock


def noise(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def built(channels: int, **options) -> ConvNeXtBlock:
    keras.utils.set_random_seed(0)
    block = ConvNeXtBlock(**options)
    block(tf.zeros([1, 3, channels]))
    return block


@pytest.mark.parametrize("causal", [True, False])
def test_block_equals_its_formula(causal):
    block, x = built(4, expansion=2, kernel=5, causal=causal), noise(2, 9, 4)
    for number, weight in enumerate(block.weights):
        weight.assign(noise(*weight.shape, seed=number))
    margins = (4, 0) if causal else (2, 2)
    padded = np.pad(x, [(0, 0), margins, (0, 0)])
    kernel, bias = map(np.asarray, (block.depthwise.kernel, block.depthwise.bias))
    y = sum(padded[:, tap : tap + 9] * kernel[tap] for tap in range(5)) + bias
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-6)
    y = y * block.norm.gamma + block.norm.beta
    y = y @ block.expand.kernel.numpy() + block.expand.bias
    y = y * (1 + erf(y / np.sqrt(2))) / 2
    y = y @ block.project.kernel.numpy() + block.project.bias
    np.testing.assert_allclose(block(x), x + block.gamma * y, rtol=0, atol=2e-5)


def test_block_starts_as_published():
    block = built(512, scale=0.125)
    assert block.depthwise.kernel.shape == (7, 512)
    assert block.expand.kernel.shape == (512, 3 * 512)
    np.testing.assert_array_equal(block.gamma, np.full(512, 0.125))
    for layer in (block.depthwise, block.expand, block.project):
        np.testing.assert_array_equal(layer.bias, np.zeros(layer.bias.shape))
        np.testing.assert_allclose(np.std(layer.kernel), 0.02, rtol=0.05)
    assert block.count_params() == 12_644_352 / 8


def test_blocks_begin_with_their_share():
    network = ConvNeXt(4, blocks=5)
    network(tf.zeros([1, 3, 2]))
    for block in network.blocks:
        np.testing.assert_allclose(block.gamma, np.full(4, 0.2))


def test_blocks_convert_to_tflite_builtins(as_tflite):
    network = ConvNeXt(4, 2, causal=True)
    network(tf.zeros([1, 3, 2]))
    run = as_tflite(network, [None, None, 2])
    x = np.float32(noise(2, 11, 2))
    np.testing.assert_allclose(run(x), network(x), rtol=0, atol=1e-5)
