import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.losses.waveform_distances import l1, l2
from tfsr.networks.audiounet import AudioUNet
from tfsr.signal.interpolation import Spline
from tfsr.upsamplers.regression import Regression


def batch(examples: int = 2) -> dict[str, tf.Tensor]:
    low = tf.random.stateless_normal([examples, 64], seed=[0, 1])
    high = tf.random.stateless_normal([examples, 128], seed=[0, 2])
    return {"low": low, "high": high, "seed": tf.zeros([examples, 2], tf.int32)}


def test_the_loss_is_the_weighted_sum_for_each_example():
    losses = {"l1": l1, "l2": l2}
    upsampler = Regression(AudioUNet((4,)), 8000, 16000, losses, weights={"l2": 0.5})
    assert upsampler.loss_names == ("loss", "l1", "l2")
    values = upsampler.losses_for(batch(), training=False)
    np.testing.assert_allclose(values["loss"], values["l1"] + 0.5 * values["l2"], rtol=1e-6)
    assert values["loss"].shape == (2,)


@pytest.mark.parametrize(("rates", "hop"), [((8000, 16000), 16), ((16000, 48000), 32)])
def test_hop_and_receptive_field_are_in_input_samples(rates, hop):
    network = AudioUNet((4,) * 4)
    upsampler = Regression(network, *rates)
    assert upsampler.hop == hop
    assert upsampler.hop * upsampler.ratio % network.hop == 0
    field = upsampler.receptive_field - Spline().reach
    assert field * upsampler.ratio >= network.receptive_field


@pytest.mark.parametrize("length", [1, 5, 64])
def test_output_is_ratio_times_as_long(length):
    upsampler = Regression(AudioUNet((4,)), 4000, 12000)
    assert upsampler.upsample(tf.zeros([2, length])).shape == (2, 3 * length)


def test_training_lowers_the_loss_and_reports_means():
    keras.utils.set_random_seed(0)
    upsampler = Regression(AudioUNet((4, 4)), 8000, 16000, {"l1": l1}, optimizer=adam())
    upsampler.initialize()
    upsampler.compile()
    dataset = tf.data.Dataset.from_tensors(batch()).repeat(30)
    before = upsampler.evaluate(dataset, verbose=0, return_dict=True)
    upsampler.fit(dataset, verbose=0)
    after = upsampler.evaluate(dataset, verbose=0, return_dict=True)
    assert set(before) == {"loss", "l1"}
    assert after["loss"] < 0.9 * before["loss"]


def test_evaluation_weighs_a_partial_batch_by_its_examples():
    upsampler = Regression(AudioUNet((4,)), 8000, 16000, {"l1": l1})
    upsampler.initialize()
    upsampler.compile()
    whole = tf.data.Dataset.from_tensor_slices(batch(3))
    means = [upsampler.evaluate(whole.batch(n), verbose=0, return_dict=True) for n in (2, 3)]
    np.testing.assert_allclose(means[0]["loss"], means[1]["loss"], rtol=1e-6)


def test_float16_losses_are_scaled_and_the_step_is_the_same():
    weights = []
    for optimizer in (adam(), keras.mixed_precision.LossScaleOptimizer(adam())):
        keras.utils.set_random_seed(0)
        upsampler = Regression(AudioUNet((4,), dropout=0.0), 8000, 16000, optimizer=optimizer)
        upsampler.initialize()
        upsampler.compile()
        upsampler.fit(tf.data.Dataset.from_tensors(batch()), verbose=0)
        weights.append(upsampler.network.last.kernel.numpy())
    np.testing.assert_allclose(*weights, rtol=1e-3, atol=1e-6)


def test_rates_without_a_whole_ratio_are_refused():
    with pytest.raises(UserError, match="44100.*16000"):
        Regression(AudioUNet((4,)), 16000, 44100)


def adam() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(1e-3)
