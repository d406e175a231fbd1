"""NU-Wave against the published parameter count and every layer's recorded output."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.networks.nuwave import NuWave

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = {"channels": 16, "blocks": 6, "dilation_cycle": 3, "waves": 8, "embedding": 32}
LEVELS = tf.constant([[0.99], [0.3]])


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def noise(*shape, seed=1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def built(**options) -> NuWave:
    network = NuWave(**options)
    network(tf.zeros([1, 1]), network.condition(tf.zeros([1, 1])), tf.ones([1, 1]))
    return network


def size(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.fixture(scope="module")
def published() -> NuWave:
    keras.utils.set_random_seed(0)
    return built()


def test_parameter_count_is_the_published_one(published):
    assert size(published.trainable_weights) == 3_049_985
    assert size(published.non_trainable_weights) == 64


@pytest.fixture(scope="module")
def recorded():
    return np.load(FIXTURES / "nuwave_small.npz")


@pytest.fixture(scope="module")
def small(recorded_nuwave) -> NuWave:
    return recorded_nuwave()


def assert_near(actual: tf.Tensor, expected: np.ndarray) -> None:
    """Of what layers give for both examples, the first samples of the first are recorded."""
    if expected.ndim == 3:
        actual = actual[:1, : expected.shape[1]]
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_estimate_equals_the_recorded_one(small, recorded):
    condition = small.condition(recorded["y_low"])
    estimate = small(recorded["y_noisy"], condition, recorded["noise_level"])
    assert_near(estimate, recorded["eps_pred"])


def test_embedding_equals_the_recorded_one(small, recorded):
    embedding, level = small.diffusion_embedding, recorded["noise_level"]
    encoded = embedding.encode(level)
    assert_near(encoded, recorded["emb/sincos"])
    assert_near(embedding.projection1(encoded), tf.nn.silu(recorded["emb/proj1_preact"]))
    assert_near(embedding(level), tf.nn.silu(recorded["emb/proj2_preact"]))
    assert_near(embedding(level), recorded["emb/out"])


def test_every_layer_equals_the_recorded_one(small, recorded):
    embedding = small.diffusion_embedding(recorded["noise_level"])
    condition = small.condition(recorded["y_low"])
    x = small.input_projection(recorded["y_noisy"][..., np.newaxis])
    assert_near(x, recorded["input_proj_preact"])
    assert_near(
        small.low_projection(recorded["y_low"][..., np.newaxis]), recorded["low_proj_preact"]
    )
    x, skips = tf.nn.silu(x), []
    for i, block in enumerate(small.residual_layers):
        assert_near(block.diffusion_projection(embedding), recorded[f"layer{i}/step_bias"])
        assert_near(condition[i], recorded[f"layer{i}/cond"])
        x, skip = block(x, condition[i], embedding)
        assert_near(x, recorded[f"layer{i}/x_out"])
        assert_near(skip, recorded[f"layer{i}/skip"])
        skips.append(skip)
    skip_sum = tf.add_n(skips) / np.sqrt(np.float32(len(skips)))
    assert_near(skip_sum, recorded["skip_sum_scaled"])
    assert_near(small.skip_projection(skip_sum), recorded["skip_proj_preact"])


@pytest.mark.parametrize("time", [1, 7, 50])
def test_any_length_keeps_its_length(small, time):
    assert (small.hop, small.ratio) == (1, 1)
    estimate = small(noise(2, time), small.condition(noise(2, time, seed=2)), LEVELS)
    assert estimate.shape == (2, time)


def test_one_condition_serves_all_steps(small):
    low, y = noise(2, 40), noise(2, 40, seed=2)
    condition = small.condition(low)
    for level in (LEVELS, 0.5 * LEVELS):
        np.testing.assert_array_equal(
            small(y, condition, level), small(y, small.condition(low), level)
        )


def test_low_rate_signal_and_noise_level_matter(small):
    low, y = noise(2, 40), noise(2, 40, seed=2)
    estimate = small(y, small.condition(low), LEVELS)
    assert np.abs(estimate - small(y, small.condition(0 * low), LEVELS)).max() > 0.01
    assert np.abs(estimate - small(y, small.condition(low), 0.9 * LEVELS)).max() > 0.01


class OneSignal:
    """A network as a function of one of its signals, [batch, time, 1] -> [batch, time, 1]."""

    def __init__(self, network: NuWave, varied: str):
        self._network, self._varied = network, varied
        self.hop, self.ratio = network.hop, network.ratio
        self.receptive_field = network.receptive_field

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        signals = {"noisy": 0 * x[..., 0], "low": 0 * x[..., 0], self._varied: x[..., 0]}
        condition = self._network.condition(signals["low"])
        estimate = self._network(signals["noisy"], condition, LEVELS[:1])
        return tf.expand_dims(estimate, -1)


@pytest.mark.parametrize("varied", ["noisy", "low"])
@pytest.mark.parametrize(("blocks", "cycle"), [(1, 10), (5, 3)])
def test_receptive_field_is_what_the_gradient_reaches(varied, blocks, cycle, measured_reach):
    network = NuWave(channels=4, blocks=blocks, dilation_cycle=cycle, waves=4, embedding=8)
    assert measured_reach(OneSignal(network, varied)) == network.receptive_field


def test_receptive_field_of_the_published_one():
    assert NuWave().receptive_field == 3069


def test_kernels_start_normal_and_not_truncated(published):
    kernels = [block.dilated_conv.kernel.numpy() for block in published.residual_layers]
    deviation = np.sqrt(2 / (3 * 64))
    np.testing.assert_allclose(np.std(kernels), deviation, rtol=0.01)
    assert np.abs(kernels).max() > 4 * deviation
    last = published.output_projection.kernel
    np.testing.assert_allclose(np.std(last), np.sqrt(2 / 64), rtol=0.3)


def test_biases_and_dense_layers_start_uniform(published):
    block = published.residual_layers[0]
    for weight, limit in [
        (published.input_projection.bias, 1),
        (block.low_projection.bias, 1 / np.sqrt(3 * 64)),
        (block.output_projection.bias, 1 / np.sqrt(64)),
        (block.diffusion_projection.kernel, 1 / np.sqrt(512)),
        (published.diffusion_embedding.projection1.bias, 1 / np.sqrt(128)),
        (published.diffusion_embedding.projection2.kernel, 1 / np.sqrt(512)),
    ]:
        assert 0.9 * limit < np.abs(weight).max() <= limit
        np.testing.assert_allclose(np.std(weight), limit / np.sqrt(3), rtol=0.2)


def test_equal_layers_start_with_different_weights(published):
    first, second = published.residual_layers[:2]
    assert np.any(first.output_projection.kernel != second.output_projection.kernel)
    assert np.any(first.dilated_conv.bias != first.low_projection.bias)


def test_the_noise_level_stays_precise_in_mixed_precision(small, mixed_precision):
    network, low = NuWave(**SMALL), noise(2, 40)
    estimate = network(noise(2, 40, seed=2), network.condition(low), LEVELS)
    network.set_weights(small.get_weights())
    embeddings = [net.diffusion_embedding(LEVELS) for net in (network, small)]
    assert embeddings[0].dtype == estimate.dtype == tf.float32
    np.testing.assert_array_equal(*embeddings)
    assert network.condition(low)[0].dtype == tf.float16
    half = network(noise(2, 40, seed=2), network.condition(low), LEVELS)
    full = small(noise(2, 40, seed=2), small.condition(low), LEVELS)
    np.testing.assert_allclose(half, full, atol=0.02)
