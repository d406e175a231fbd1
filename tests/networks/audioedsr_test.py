"""AudioEDSR against the published parameter counts and recorded outputs."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.subpixel import NearestNeighbour, Subpixel
from tfsr.networks.audioedsr import AudioEDSR

SMALL = ["FILTERS = 4", "BLOCKS = 1", "PATCH = 512"]
TINY = {
    "configs/audioedsr.gin": SMALL,
    "configs/king/edsr_*.gin": SMALL,
    "configs/small/audioedsr.gin": SMALL,
}
FIXTURES = Path(__file__).parents[1] / "fixtures"
STRATEGIES = [Subpixel("channel"), Subpixel("phase", icnr=True), NearestNeighbour()]


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    """So few channels that all of a layer can be dead, with weights that happen to be so."""
    keras.utils.set_random_seed(0)


def built(**options) -> AudioEDSR:
    network = AudioEDSR(**options)
    network(tf.zeros([1, 1, 1]))
    return network


@pytest.mark.parametrize(("ratio", "count"), [(2, 9_594_113), (4, 9_692_673)])
def test_parameter_counts_are_the_published_ones(ratio, count):
    assert built(ratio=ratio).count_params() == count


def load(network: AudioEDSR, weights) -> None:
    """Put the fixture's weights, named by the authors' modules, into a network."""
    blocks = len(network.body)
    named = [(network.head, "block1.0"), (network.body_end, f"block2.{blocks}")]
    for i, block in enumerate(network.body):
        named += [(block.first, f"block2.{i}.block1.0"), (block.second, f"block2.{i}.block1.2")]
    named += [(network.up[0], "block3.0.block1.0"), (network.tail, "block3.1")]
    for conv, name in named:
        conv.set_weights([weights[f"w/{name}.kernel"], weights[f"w/{name}.bias"]])


@pytest.mark.parametrize("offset_one", [True, False])
def test_forward_pass_equals_the_recorded_one(offset_one):
    data = np.load(FIXTURES / "audioedsr_x2_small.npz")
    network = built(filters=6, blocks=3, offset_one=offset_one)
    assert network.count_params() == data["n_params"]
    load(network, data)
    if offset_one:
        out, recorded = network(data["input_plus1"] - 1.0) + 1.0, data["output_plus1"]
    else:
        out, recorded = network(data["input_plus1"]), data["output_before_relu"]
    np.testing.assert_allclose(out, recorded, atol=1e-5)


def test_with_the_offset_no_output_is_below_minus_one():
    network = built(filters=4, blocks=1, offset_one=True)
    network.tail.bias.assign([-100.0])
    np.testing.assert_array_equal(network(tf.zeros([1, 8, 1])), -np.ones([1, 16, 1]))


@pytest.mark.parametrize("upsampling", STRATEGIES)
@pytest.mark.parametrize("ratio", [2, 4, 8])
@pytest.mark.parametrize("length", [1, 31])
def test_output_is_ratio_times_as_long(upsampling, ratio, length):
    network = AudioEDSR(ratio, filters=4, blocks=1, upsampling=upsampling)
    assert network.ratio == ratio
    assert network(tf.random.normal([2, length, 1])).shape == (2, ratio * length, 1)


@pytest.mark.parametrize("ratio", [0, 1, 3, 6])
def test_other_ratios_are_named_with_the_way_out(ratio):
    with pytest.raises(UserError, match=f"AudioEDSR.ratio is {ratio}: .*AudioUNet"):
        AudioEDSR(ratio)


def test_the_activation_can_be_chosen():
    x = tf.random.stateless_normal([1, 32, 1], seed=[1, 2])
    leaky, plain = (built(filters=4, blocks=1, activation=a) for a in ("leaky_relu", "relu"))
    plain.set_weights(leaky.get_weights())
    assert np.abs(leaky(x) - plain(x)).max() > 0
    with pytest.raises(UserError, match="AudioEDSR.activation is 'gelu': choose one of leaky_relu"):
        AudioEDSR(activation="gelu")


def test_kernels_and_biases_start_as_in_the_authors_framework():
    network = built(blocks=1)
    conv = network.body[0].first
    np.testing.assert_allclose(np.std(conv.kernel), np.sqrt(2 / (9 * 256)), rtol=0.02)
    limit = 1 / np.sqrt(9 * 128)
    assert 0.9 * limit < np.abs(conv.bias).max() <= limit
    assert np.abs(np.mean(conv.bias)) < limit / 4


@pytest.mark.parametrize("upsampling", STRATEGIES)
@pytest.mark.parametrize("ratio", [2, 4, 8])
@pytest.mark.parametrize("kernel", [3, 5])
def test_receptive_field_is_what_the_gradient_reaches(upsampling, ratio, kernel, measured_reach):
    network = AudioEDSR(ratio, filters=4, blocks=2, kernel=kernel, upsampling=upsampling)
    assert measured_reach(network) == network.receptive_field


def middle_of_a_constant(network: AudioEDSR) -> np.ndarray:
    """What comes out far from both edges where every input sample is 0.5."""
    frames = network.receptive_field
    out = network(tf.fill([1, 3 * frames, 1], 0.5))[0, :, 0].numpy()
    return out[network.ratio * frames : 2 * network.ratio * frames]


@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("upsampling", [*STRATEGIES[1:], Subpixel("channel", icnr=True)])
def test_the_cures_leave_a_constant_constant_where_untrained(upsampling, ratio):
    network = AudioEDSR(ratio, filters=8, blocks=1, upsampling=upsampling)
    assert np.ptp(middle_of_a_constant(network)) < 1e-6


@pytest.mark.parametrize("ratio", [2, 4])
def test_without_a_cure_a_constant_has_the_period_of_the_ratio(ratio):
    out = middle_of_a_constant(AudioEDSR(ratio, filters=8, blocks=1))
    assert np.ptp(out) > 1e-2
    assert np.ptp(out.reshape(-1, ratio), axis=0).max() < 1e-6


def test_nearest_neighbour_has_fewer_parameters():
    plain, nearest = built(filters=4), built(filters=4, upsampling=NearestNeighbour())
    assert plain.count_params() - nearest.count_params() == 3 * 4 * 4 + 4
