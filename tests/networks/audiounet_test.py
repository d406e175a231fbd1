"""AudioUNet against the published parameter counts and recorded outputs."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.random import seeded
from tfsr.layers.subpixel import NearestNeighbour, Subpixel
from tfsr.networks.audiounet import AudioUNet, KingAudioUNet

TINY = {
    "configs/audiounet.gin": ["FILTERS = (4, 4)", "PATCH = 512"],
    "configs/small/audiounet.gin": ["FILTERS = (4,)", "PATCH = 4096"],
    # Ratios 2, 3, 4 and 6 divide the patch; the corpus is whatever DATA is.
    "configs/kuleshov/*.gin": [
        *("FILTERS = (4,)", "PATCH = 768", "pipeline.Patches.corpus = @corpora.corpus()")
    ],
    "configs/king/unet_x*.gin": ["FILTERS = (4,)", "PATCH = 768"],
    "configs/nuwave/unet_x*.gin": ["FILTERS = (4,)", "PATCH = 768"],
    "configs/small/audiounet_48k.gin": ["FILTERS = (4,)", "PATCH = 4096"],
}
FIXTURES = Path(__file__).parents[1] / "fixtures"
B8 = (128, 256) + (512,) * 6
STRATEGIES = [Subpixel("phase"), Subpixel("channel", icnr=True), NearestNeighbour()]


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    """So few channels that all of a layer can be dead, with weights that happen to be so."""
    keras.utils.set_random_seed(0)


def built(network):
    network(tf.zeros([1, network.hop, 1]))
    return network


def parameters(network) -> int:
    with tf.Graph().as_default():  # which gives weights no values
        return sum(int(np.prod(w.shape)) for w in built(network).trainable_weights)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 56_411_394),
        ({"filters": B8}, 103_603_458),
        ({"filters": (128, 384, 512, 512)}, 70_977_154),
        ({"batch_norm": True}, 56_420_866),
    ],
)
def test_parameter_counts_are_the_published_ones(options, count):
    assert parameters(AudioUNet(**options)) == count


def load(network, weights, down, bottleneck, up, last):
    """Put fixture weights, named by the given patterns, into a network."""
    built(network)
    named = [(block.conv, down.format(i)) for i, block in enumerate(network.down)]
    named += [(network.bottleneck.conv, bottleneck)]
    named += [(block.conv, up.format(i)) for i, block in enumerate(reversed(network.up))]
    named += [(network.last, last)]
    for conv, name in named:
        conv.set_weights([weights[f"{name}kernel"], weights[f"{name}bias"]])


@pytest.mark.parametrize("name", ["B2", "B4"])
def test_forward_pass_equals_the_recorded_one(name):
    data = np.load(FIXTURES / f"audiounet_{name}_small.npz")
    filters = [data[f"down{i}/bias"].size for i in range(int(name[1]))]
    network = AudioUNet(filters)
    load(network, data, "down{}/", "bottleneck/", "up{}/", "last/")
    np.testing.assert_allclose(network(data["input"]), data["output"], atol=1e-5)


def test_full_width_forward_pass_equals_the_recorded_one():
    data = np.load(FIXTURES / "audiounet_B4_full_seed11.npz")
    network = AudioUNet(init="keras1")
    network(tf.zeros([1, network.hop, 1]))
    random = np.random.RandomState(11)
    convs = [b.conv for b in [*network.down, network.bottleneck, *network.up]] + [network.last]
    for conv in convs:
        taps, inputs, outputs = conv.kernel.shape
        kernel = random.standard_normal((taps, inputs, outputs)) / np.sqrt(taps * inputs)
        bias = random.standard_normal(outputs) * 0.05
        conv.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    first = convs[0].kernel.numpy().ravel()[:8]
    np.testing.assert_allclose(first, data["first_kernel_values"])
    np.testing.assert_allclose(network(data["input"]), data["output"], atol=1e-5, rtol=1e-5)


def test_kings_variant_equals_the_recorded_one():
    data = np.load(FIXTURES / "audiounet_king_small_len96.npz")
    network = KingAudioUNet(data["filters"].tolist())
    names = ("w/downsample_blocks.{}.block1.0.", "w/bottleneck_block.0.")
    load(network, data, *names, "w/Ublock.{}.block1.0.", "w/Fblock.0.")
    out = network(data["input_plus1"] - 1.0) + 1.0
    np.testing.assert_allclose(out, data["output_plus1"], atol=1e-5)


@pytest.mark.parametrize("network_class", [AudioUNet, KingAudioUNet])
@pytest.mark.parametrize("upsampling", [None, *STRATEGIES])
@pytest.mark.parametrize("length", [1, 31, 32, 100])
def test_any_length_keeps_its_length(network_class, upsampling, length):
    network = network_class((4, 4), upsampling=upsampling)
    assert network.ratio == 1
    assert network(tf.random.normal([2, length, 1])).shape == (2, length, 1)


@pytest.mark.parametrize("init", ["orthogonal", "keras1"])
@pytest.mark.parametrize("upsampling", STRATEGIES)
def test_untrained_network_gives_back_its_input(init, upsampling):
    x = tf.random.stateless_normal([1, 512, 1], seed=[1, 2]) * 0.1
    out = AudioUNet((8, 8), init=init, upsampling=upsampling)(x)
    assert 0 < np.sqrt(np.mean(np.square(out - x))) < 0.01


def test_keras1_initialiser_has_the_old_scale():
    network = AudioUNet((128, 256), init="keras1")
    network(tf.zeros([1, 8, 1]))
    rms = [np.sqrt(np.mean(np.square(b.conv.kernel))) for b in network.down]
    np.testing.assert_allclose(rms, [0.0972, 0.00608], rtol=0.01)


@pytest.mark.parametrize("network_class", [AudioUNet, KingAudioUNet])
@pytest.mark.parametrize("upsampling", [Subpixel(), NearestNeighbour()])
@pytest.mark.parametrize("filters", [(4, 4), (4, 4, 4, 4)])
def test_receptive_field_holds_and_is_nearly_reached(
    network_class, upsampling, filters, measured_reach
):
    network = network_class(filters, upsampling=upsampling)
    network(tf.zeros([1, network.hop, 1]))
    network.last.kernel.assign(tf.ones_like(network.last.kernel))
    network.last.bias.assign(tf.fill(network.last.bias.shape, 100.0))  # King's ReLU is open
    reach = measured_reach(network)
    assert network.receptive_field - 2 * network.hop < reach <= network.receptive_field


def test_ablations_change_what_they_name():
    x = tf.random.stateless_normal([1, 64, 1], seed=[5, 6])
    plain = AudioUNet((4, 6), additive_residual=False)
    assert np.abs(plain(x)).max() < 0.1
    network = AudioUNet((4, 6), skip=False)
    network(x)
    assert network.up[1].conv.kernel.shape[1] == 6
    assert AudioUNet((4, 6), batch_norm=True).down[0].norm is not None


def test_dropout_follows_the_seed_of_the_batch():
    network = AudioUNet((4, 4), additive_residual=False)
    x = tf.random.stateless_normal([1, 64, 1], seed=[7, 8])

    def out(seed):
        with seeded(tf.constant([seed, 0])):
            return network(x, training=True).numpy()

    np.testing.assert_array_equal(out(1), out(1))
    assert np.abs(out(1) - out(2)).max() > 0
    assert np.abs(out(1) - network(x).numpy()).max() > 0


def middle_of_a_constant(network) -> np.ndarray:
    """What a random network makes of a constant far from both edges, two hops of it."""
    start = -(-network.receptive_field // network.hop) * network.hop
    x = tf.fill([1, 2 * start + 2 * network.hop, 1], 0.5)
    return network(x)[0, start : start + 2 * network.hop, 0].numpy()


@pytest.mark.parametrize("upsampling", STRATEGIES[1:])
def test_the_cures_leave_a_constant_constant_where_untrained(upsampling):
    network = AudioUNet((8, 8, 8), additive_residual=False, upsampling=upsampling)
    out = middle_of_a_constant(network)
    assert np.ptp(out) < 1e-5 * np.abs(out).max()


def test_without_a_cure_a_constant_has_the_period_of_the_strides():
    network = AudioUNet((8, 8, 8), additive_residual=False)
    out = middle_of_a_constant(network)
    assert np.ptp(out) > 0.1 * np.abs(out).max()
    first, second = np.split(out, 2)
    np.testing.assert_allclose(first, second, atol=1e-5 * np.abs(out).max())


def test_nearest_neighbour_has_half_the_filters_in_the_up_path():
    plain = AudioUNet((8, 8))
    nearest = AudioUNet((8, 8), upsampling=NearestNeighbour())
    weights = [block.conv.count_params() for block in built(plain).up]
    assert [2 * block.conv.count_params() for block in built(nearest).up] == weights
    assert 2 * nearest.last.count_params() == plain.last.count_params()
    assert (
        plain.count_params() - nearest.count_params()
        == (sum(weights) + plain.last.count_params()) // 2
    )


def test_phase_shuffle_changes_training_only_and_follows_the_seed_of_the_batch():
    network = built(KingAudioUNet((4, 4), dropout=0.0, phase_shuffle=2))
    plain = built(KingAudioUNet((4, 4), dropout=0.0))
    plain.set_weights(network.get_weights())
    x = 0.1 * tf.random.stateless_normal([4, 64, 1], seed=[9, 10])

    def out(seed):
        with seeded(tf.constant([seed, 0])):
            return network(x, training=True).numpy()

    np.testing.assert_array_equal(out(1), out(1))
    assert np.abs(out(1) - out(2)).max() > 1e-3
    assert np.abs(out(1) - plain(x, training=True)).max() > 1e-3
    np.testing.assert_array_equal(network(x), plain(x))


def test_unknown_initialiser_is_named():
    with pytest.raises(UserError, match="AudioUNet.init is 'glorot'"):
        AudioUNet(init="glorot")
