"""MU-GAN's networks against the recorded output, and NU-Wave's size of the generator."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.errors import UserError
from tfsr.layers.random import seeded
from tfsr.networks.mugan import MUGAN, MUAutoencoder, MUDiscriminator, MultiscaleConv, NuWaveMUGAN

DOWN = ((2, 2, 1, 1), (3, 3, 1, 1))
UP = DOWN[::-1]
FILTERS = ((1, 1, 1, 1), (2, 2, 1, 1), (1, 1, 1, 1))

_TINY = [f"DOWN = {DOWN}", f"UP = {UP}", "PATCH = 512"]
_TINY_GAN = [
    *(*_TINY, f"mugan.MUDiscriminator.filters = {FILTERS}", "mugan.MUDiscriminator.width = 8"),
    *("AE_DOWN = ((1, 1, 1, 1),)", "AE_UP = ((1, 1, 1, 1),)"),
    "experiment.Experiment.pretrained = {}",
]
TINY = {
    "configs/mugan.gin": _TINY_GAN,
    "configs/small/mugan.gin": _TINY_GAN,
    "configs/nuwave/mugan_x*.gin": [
        "PATCH = 768",
        *(f"mugan.NuWaveMUGAN.down = {DOWN}", f"mugan.NuWaveMUGAN.up = {UP}"),
        *("mugan.NuWaveMUGAN.bottleneck = None", f"mugan.MUDiscriminator.filters = {FILTERS}"),
        "mugan.MUDiscriminator.width = 8",
    ],
    "configs/mugan_autoencoder.gin": _TINY,
    "configs/small/mugan_autoencoder.gin": _TINY,
}
FIXTURES = Path(__file__).parents[1] / "fixtures"


def noise(*shape, seed=1):
    return tf.random.stateless_normal(shape, [seed, 2])


def parameters(network) -> int:
    network(tf.zeros([1, getattr(network, "samples", network.hop) or 1, 1]))
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (MUGAN, 31_490_785),
        (NuWaveMUGAN, 14_205_241),
        (lambda: NuWaveMUGAN(bottleneck=None), 12_238_649),
        (MUDiscriminator, 9_078_657),
        (lambda: MUDiscriminator(pooling=True), 821_121),
        (MUAutoencoder, 7_156_449),
    ],
)
def test_parameter_counts(build, count):
    assert parameters(build()) == count


def test_forward_pass_equals_the_recorded_one():
    data = np.load(FIXTURES / "mugan_generator_small.npz")
    down, up = (
        [[data[f"w/{way}.{i}.c.{j}.bias"].size for j in range(4)] for i in range(3)] for way in "du"
    )
    network = MUGAN(down, up)
    network(data["input"])
    for way, slopes, blocks in (("d", "dp", network.down), ("u", "up_", network.up)):
        for i, block in enumerate(blocks):
            for j, conv in enumerate(block.conv.convs):
                name = f"w/{way}.{i}.c.{j}"
                conv.set_weights([data[f"{name}.kernel"], data[f"{name}.bias"]])
            block.activation.set_weights([data[f"w/{slopes}.{i}.kernel"][None]])
    network.last.set_weights([data["w/out.kernel"], data["w/out.bias"]])
    np.testing.assert_allclose(network(data["input"]), data["output"], atol=1e-5)


@pytest.mark.parametrize("network_class", [MUGAN, MUAutoencoder])
@pytest.mark.parametrize("length", [1, 3, 4, 101])
def test_any_length_keeps_its_length(network_class, length):
    network = network_class(DOWN, UP)
    assert (network.hop, network.ratio) == (4, 1)
    assert network(noise(2, length, 1)).shape == (2, length, 1)


def test_untrained_network_gives_back_its_input():
    x = noise(1, 512, 1) * 0.1
    out = MUGAN(DOWN, UP)(x)
    assert 0 < np.abs(out - x).max() < 0.01


@pytest.mark.parametrize(
    "network",
    [MUGAN(DOWN, UP), MUGAN(DOWN, UP, bottleneck=(1, 1, 1, 1)), MUAutoencoder(DOWN, UP)],
    ids=["plain", "bottleneck", "autoencoder"],
)
def test_receptive_field_holds_and_is_reached(network, measured_reach):
    network(noise(1, network.hop, 1))
    network.last.kernel.assign(tf.ones_like(network.last.kernel))
    assert measured_reach(network) == network.receptive_field


def test_up_and_down_must_be_equally_many():
    with pytest.raises(UserError, match="^MUGAN has 2 blocks in down and 1 in up: .*$"):
        MUGAN(DOWN, UP[:1])


def test_multiscale_convolution_keeps_the_order_of_its_kernels():
    conv = MultiscaleConv((1, 2, 3, 4))
    assert conv(noise(2, 7, 5)).shape == (2, 7, 10)
    assert [c.kernel.shape for c in conv.convs] == [(3, 5, 1), (9, 5, 2), (27, 5, 3), (81, 5, 4)]


@pytest.mark.parametrize("network_class", [MUGAN, MUAutoencoder])
def test_dropout_follows_the_seed_of_the_batch(network_class):
    network, x = network_class(DOWN, UP), noise(1, 64, 1)

    def out(seed):
        with seeded(tf.constant([seed, 0])):
            return network(x, training=True).numpy()

    np.testing.assert_array_equal(out(1), out(1))
    assert np.abs(out(1) - out(2)).max() > 0
    assert np.abs(out(1) - network(x).numpy()).max() > 0


def test_discriminator_is_made_for_one_length():
    discriminator = MUDiscriminator(FILTERS, samples=66, width=8)
    assert discriminator.samples == 66
    assert discriminator(noise(3, 66, 2)).shape == (3,)


@pytest.mark.parametrize("length", [1, 4, 101])
def test_pooling_discriminator_takes_any_length(length):
    discriminator = MUDiscriminator(FILTERS, width=8, pooling=True)
    assert discriminator.samples is None
    assert discriminator(noise(3, length, 1)).shape == (3,)


def test_discriminator_learns_statistics_only_in_training():
    discriminator, x = MUDiscriminator(FILTERS, samples=64, width=8), noise(4, 64, 1)
    discriminator(x)
    means = discriminator.blocks[0].norm.moving_mean
    assert not np.any(means)
    discriminator(x, training=True)
    assert np.all(means)


def test_discriminators_gradient_reaches_all_weights_and_the_signal():
    discriminator, x = MUDiscriminator(FILTERS, samples=64, width=8), noise(4, 64, 1)
    with tf.GradientTape() as tape, seeded(tf.constant([1, 0])):
        tape.watch(x)
        logits = tf.reduce_sum(tf.square(discriminator(x, training=True)))
    kernels = [weight for weight in discriminator.trainable_weights if len(weight.shape) > 1]
    for gradient in tape.gradient(logits, [x, *kernels]):
        assert np.abs(gradient).max() > 0


def test_autoencoders_code_has_a_frame_each_hop_and_nothing_random():
    autoencoder = MUAutoencoder(DOWN, UP)
    x = noise(2, 41, 1)
    code = autoencoder.encode(x)
    assert code.shape == (2, 11, 2 * sum(DOWN[-1]))
    autoencoder(x)
    np.testing.assert_array_equal(autoencoder.encode(x), code)


def test_nothing_passes_by_the_autoencoders_code():
    autoencoder, x = MUAutoencoder(DOWN, UP), noise(1, 64, 1)
    before = autoencoder(x)
    for conv in autoencoder.down[-1].conv.convs:
        conv.kernel.assign(tf.zeros_like(conv.kernel))
    with tf.GradientTape() as tape:
        tape.watch(x)
        after = autoencoder(x)
    assert np.abs(before - after).max() > 0
    assert not np.any(tape.gradient(after, x))
