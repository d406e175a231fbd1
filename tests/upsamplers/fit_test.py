"""`compile` and `fit` as Keras' users know them, on pairs (low, high)."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.losses.gan_objectives import WassersteinGP
from tfsr.losses.spectral_distances import LogStft
from tfsr.losses.waveform_distances import l1
from tfsr.networks.audiounet import AudioUNet
from tfsr.networks.critics import SrganCritic
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.regression import Regression
from tfsr.upsamplers.spectral import Spectral


@pytest.fixture
def upsampler() -> Spectral:
    keras.utils.set_random_seed(0)
    upsampler = Spectral(
        functools.partial(UpperBins, channels=4, blocks=1),
        8000,
        16000,
        losses={"log_stft": LogStft((64, 128))},
        codec=FrameCodec(128, 32),
        optimizer=keras.optimizers.Adam(1e-2),
    )
    upsampler.initialize()
    return upsampler


def pairs(batch: int = 4) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(0).normal(0, 0.1, [batch, 512]).astype(np.float32)
    return noise[:, ::2], noise


def test_without_losses_nothing_is_learnt():
    network = functools.partial(UpperBins, channels=4, blocks=1)
    with pytest.raises(UserError, match="has no losses to learn by"):
        Spectral(network, 8000, 16000, losses={}).compile()


def test_arrays_are_learnt_from(upsampler):
    upsampler.compile()
    losses = upsampler.fit(*pairs(), batch_size=4, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_weights_are_created_where_there_are_none():
    adversarial = Adversarial({"critic": SrganCritic(2, 1)}, WassersteinGP())
    upsampler = Regression(
        AudioUNet((4,), dropout=0.0),
        *(8000, 16_000, {"l1": l1}),
        adversarial=adversarial,
        optimizer=keras.optimizers.Adam(1e-2),
    )
    upsampler.upsample(pairs()[0])
    upsampler.compile()
    before = [[v.numpy() for v in update.variables] for update in upsampler.updates]
    upsampler.fit(*pairs(), batch_size=4, verbose=0)
    for values, update in zip(before, upsampler.updates, strict=True):
        assert values
        assert any(np.any(a != b) for a, b in zip(values, update.variables, strict=True))


@pytest.mark.parametrize("static", [True, False])
def test_a_batch_must_be_divisible_by_the_updates_in_training_alone(static):
    adversarial = Adversarial({"critic": SrganCritic(2, 1)}, WassersteinGP())
    upsampler = Regression(AudioUNet((4,)), 8000, 16_000, adversarial=adversarial)
    upsampler.compile()
    dataset = tf.data.Dataset.from_tensor_slices(pairs(3)).batch(3, drop_remainder=static)
    refused = UserError if static else tf.errors.InvalidArgumentError
    with pytest.raises(refused, match="which 2 updates share; give a multiple of 2"):
        upsampler.fit(dataset, verbose=0)
    assert np.isfinite(upsampler.evaluate(dataset, verbose=0)[0])


def test_a_data_set_of_pairs_does_the_same(upsampler):
    upsampler.compile()
    dataset = tf.data.Dataset.from_tensors(pairs())
    history = upsampler.fit(dataset, epochs=2, verbose=0, validation_data=dataset).history
    assert set(history) == {"loss", "log_stft", "val_loss", "val_log_stft"}
    assert upsampler.predict(pairs()[0], verbose=0).shape == (4, 512)


@pytest.mark.parametrize("given", [{"optimizer": "adam"}, {"optimizer": "sgd", "loss": "mse"}])
def test_compile_says_where_losses_are_given(upsampler, given):
    with pytest.raises(UserError, match=f"no {', '.join(given)}; give .* to Spectral"):
        upsampler.compile(**given)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ([4, 256], [4, 500], "high has 500 samples beside 256 of low; give 2 times as many"),
        ([4, 256, 1], [4, 512, 1], r"give \[batch, time\] each"),
    ],
)
def test_pairs_that_do_not_fit_are_told(upsampler, low, high, said):
    upsampler.compile()
    with pytest.raises(UserError, match=said):
        upsampler.fit(np.zeros(low, np.float32), np.zeros(high, np.float32), verbose=0)
