"""VoiceFixer and its one-stage baseline."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.export.tflite import convert
from tfsr.inference.chunks import upsample_array
from tfsr.networks.mel_denoiser import MelDenoiser
from tfsr.networks.mel_mask import DenoisedMelMask, MelMask
from tfsr.networks.resunet import ResUNet
from tfsr.networks.tfgan import TFGAN
from tfsr.signal.mel import MelSpectrogram
from tfsr.signal.stft import Spectrum, istft
from tfsr.upsamplers.restoration import BaselineUNet, VoiceFixer, voicefixer_adam
from tfsr.upsamplers.vocoder import Vocoder

_DATA = ["PATCH = 8820", "damage.Damage.before = ()", "damage.Damage.noise = None"]
_NETWORK = ["LEVELS = (4,)", "restoration.voicefixer_adam.warm_up = 0"]
_VOCODER = ["CONDITION = 4", "CHANNELS = (4, 4, 4, 4, 4)", "UNITS = (1, 1, 1, 1)", "VOCODER = {}"]
TINY = {
    "configs/voicefixer.gin": _DATA + _NETWORK + _VOCODER,
    "configs/small/voicefixer.gin": _DATA + _NETWORK + _VOCODER,
    "configs/*/baseline_unet.gin": _DATA + _NETWORK,
}

MEL = MelSpectrogram(bands=16)


def vocoder() -> Vocoder:
    network = TFGAN(16, condition=4, channels=(8, 8, 4, 4, 4), units=(1, 1, 1, 1))
    return Vocoder(network, spectrogram=MEL)


def voicefixer(network: MelMask | None = None, **options) -> VoiceFixer:
    upsampler = VoiceFixer(network or MelMask(ResUNet((4,))), vocoder(), **options)
    upsampler.initialize()
    return upsampler


def baseline(**options) -> BaselineUNet:
    upsampler = BaselineUNet(ResUNet((4,)), **options)
    upsampler.initialize()
    return upsampler


@pytest.fixture(scope="module")
def small() -> VoiceFixer:
    return voicefixer()


@pytest.fixture(scope="module")
def small_baseline() -> BaselineUNet:
    return baseline()


def signal(samples: int, batch: int = 1) -> np.ndarray:
    return np.random.default_rng(samples).normal(0, 0.1, [batch, samples]).astype(np.float32)


@pytest.mark.parametrize("system", ["small", "small_baseline"])
def test_any_length_from_one_sample_stays_as_it_is(system, request):
    upsampler = request.getfixturevalue(system)
    for samples in (1, 440, 1024, 1025, 3000):
        made = upsampler.upsample(signal(samples, batch=2))
        assert made.shape == (2, samples) and np.all(np.isfinite(made))


def test_where_the_context_is_the_receptive_field_chunked_equals_whole(small):
    assert small.receptive_field < small.context
    low = signal(4 * small.context + 7)[0]
    chunked = upsample_array(small, low, chunk=small.context)
    np.testing.assert_allclose(chunked, upsample_array(small, low), atol=1e-6)


@pytest.mark.parametrize("system", ["small", "small_baseline"])
def test_the_receptive_field_holds_all_that_a_sample_depends_on(system, request):
    upsampler = request.getfixturevalue(system)
    low, reach = signal(3 * upsampler.receptive_field), upsampler.receptive_field
    changed = low.copy()
    changed[:, : reach // 2] += 1
    differs = np.abs(upsampler.upsample(changed) - upsampler.upsample(low))[0] > 1e-6
    assert differs.any() and not differs[reach // 2 + reach :].any()


def test_frames_are_the_mel_spectrogram_s(small, small_baseline):
    assert small.frame_rate == small.vocoder.frame_rate == small_baseline.frame_rate == 100


def test_the_vocoder_is_given_the_restored_mel(small):
    low = signal(2000)
    estimate = small.network(small.vocoder.spectrogram(low))
    expected = small.vocoder.resynthesize(small.network.mel(estimate), 2000)
    np.testing.assert_allclose(small.upsample(low), expected)


def test_only_the_network_is_trained(small):
    names = {variable.ref() for variable in small.network.trainable_variables}
    assert {variable.ref() for variable in small.trainable_variables} == names and names


def test_the_loss_is_the_mean_difference_of_log_mels(small):
    batch = {"low": signal(3000, 2), "high": signal(3001, 2)[:, 1:]}
    losses = small.losses_for(batch, training=False)
    estimate = small.network(MEL(batch["low"]))
    target = np.log10(MEL(batch["high"]))
    np.testing.assert_allclose(losses["loss"], np.abs(estimate - target).mean((1, 2)), rtol=1e-5)


def test_of_the_release_the_denoiser_is_trained_too():
    denoised = DenoisedMelMask(ResUNet((4,), inputs=2), MelDenoiser(bands=16))
    upsampler = voicefixer(denoised)
    batch = {"low": signal(3000), "high": signal(3001)[:, 1:]}
    with tf.GradientTape() as tape:
        losses = upsampler.losses_for(batch, training=True)
    assert set(losses) == {"loss", "mel", "denoised"} == set(upsampler.loss_names)
    np.testing.assert_allclose(losses["loss"], losses["mel"] + losses["denoised"])
    gradients = tape.gradient(losses["loss"], upsampler.network.denoiser.trainable_variables)
    assert all(np.any(gradient != 0) for gradient in gradients)
    assert upsampler.receptive_field is None and upsampler.context  # chunks, for all that


def test_mode_1_restores_what_is_left_of_the_band(small):
    low = signal(4000)
    low = low + np.sin(np.arange(4000) / 10, dtype=np.float32)
    assert np.any(np.abs(small.in_mode(1).upsample(low) - small.upsample(low)) > 1e-6)


def test_mode_2_normalises_each_recording_by_itself_and_leaves_no_trace(small):
    low = signal(4000, batch=2)
    before = small.upsample(low)
    together = small.in_mode(2).upsample(low)
    assert np.any(np.abs(together - before) > 1e-6)
    np.testing.assert_array_equal(small.upsample(low), before)
    np.testing.assert_allclose(small.in_mode(2).upsample(low[:1]), together[:1], atol=1e-6)
    graph = upsample_array(small.in_mode(2), low[0])
    np.testing.assert_allclose(graph, together[0], atol=1e-6)


def test_there_is_no_mode_3():
    with pytest.raises(UserError, match="mode is 3"):
        voicefixer(mode=3)


class Ones(keras.Model):
    ratio = hop = 1
    receptive_field = 0

    def call(self, x, training=False):
        return tf.ones_like(x)


def parts(spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.float32(spectrum.real), np.float32(spectrum.imag)


def test_of_the_baseline_the_network_gives_magnitudes_and_the_input_phases():
    low, spectrum = signal(4410), spectrum_of(signal(4410))
    plain, masked = (BaselineUNet(Ones(), masked=masked) for masked in (False, True))
    np.testing.assert_allclose(masked.upsample(low), low, atol=1e-5)
    expected = istft(Spectrum(*parts(spectrum / np.abs(spectrum))), 441, 4410)
    np.testing.assert_allclose(plain.upsample(low), expected, atol=1e-4)


def spectrum_of(x: np.ndarray) -> np.ndarray:
    real, imag = MEL.spectrum(tf.convert_to_tensor(x))
    return real.numpy() + 1j * imag.numpy()


def test_the_baseline_compares_magnitudes_of_signals(small_baseline):
    upsampler = small_baseline
    batch = {"low": signal(3000, 2), "high": signal(3001, 2)[:, 1:]}
    estimate = upsampler.upsample(batch["low"])
    magnitudes = (np.maximum(np.abs(spectrum_of(x)), 1e-4) for x in (estimate, batch["high"]))
    expected = np.abs(np.subtract(*magnitudes)).mean((1, 2))
    losses = upsampler.losses_for(batch, training=False)
    np.testing.assert_allclose(losses["loss"], expected, rtol=1e-4)


def test_the_learning_rate_rises_and_falls():
    rate = voicefixer_adam(1.0, warm_up=10, every=20).learning_rate
    assert float(rate) == 0.0


def test_the_two_stages_run_on_a_phone(small, on_both_runtimes):
    names = ("analysis", "synthesis")
    stages = {name: small.signatures[name] for name in names}
    model, audio = convert(stages), signal(3000)
    analysis, synthesis = (on_both_runtimes(model, name) for name in names)
    mel = analysis(audio=audio)["mel"]
    np.testing.assert_allclose(mel, small.restored_mel(audio), rtol=1e-4)
    made = synthesis(mel=mel)["audio"]
    np.testing.assert_allclose(made[:, :3000], small.upsample(audio), atol=1e-4)
