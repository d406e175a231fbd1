import functools

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.export.quantization import QUANTIZATIONS
from tfsr.export.saved_model import export_saved_model
from tfsr.export.tflite import export_tflite
from tfsr.inference.chunks import upsample_array
from tfsr.layers.whitening import MeanVariance, Pca
from tfsr.lite.interpreter import WholeRecordings
from tfsr.networks.dnn import DNN
from tfsr.signal.stft import Spectrum
from tfsr.upsamplers.band_regression import (
    BandRegression,
    ImagedPhase,
    RegressedPhase,
    TruePhase,
    _phasors,
)

RATE = 16000
PHASES = [ImagedPhase(), RegressedPhase(), TruePhase()]
ratios = st.sampled_from([2, 4, 8])


def make(ratio: int = 2, width: int = 16, **options) -> BandRegression:
    keras.utils.set_random_seed(0)
    network = functools.partial(DNN, width=width)
    upsampler = BandRegression(network, RATE // ratio, RATE, **options)
    upsampler.initialize()
    return upsampler


made = functools.cache(make)  # for those that change nothing in it


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


def batch(ratio: int = 2, examples: int = 4, seed: int = 0) -> dict[str, tf.Tensor]:
    """Noise of changing loudness, so that the high band follows the low one."""
    envelope = np.repeat(np.random.default_rng(seed).uniform(0.01, 1, [examples, 16]), 256, axis=1)
    high = envelope * noise(examples, 4096, seed=seed)
    low = scipy.signal.resample_poly(high, 1, ratio, axis=1)
    batch = {"low": low.astype(np.float32), "high": high.astype(np.float32)}
    return {key: tf.constant(value) for key, value in batch.items()} | {
        "seed": tf.zeros([examples, 2], tf.int32)
    }


@functools.cache
def without_high_band(ratio: int) -> BandRegression:
    upsampler = make(ratio)
    mean = upsampler.whitenings["high_magnitude"].mean
    mean.assign(tf.fill(mean.shape, -1000.0))
    return upsampler


@given(time=st.integers(1, 1500), ratio=ratios)
def test_without_a_high_band_the_samples_of_the_input_stay(time, ratio):
    low = noise(2, time)
    out = without_high_band(ratio).upsample(low)
    assert out.shape == (2, ratio * time)
    np.testing.assert_allclose(out[:, ::ratio], low, atol=1e-6)


@given(time=st.integers(1, 3000), ratio=ratios)
def test_with_the_true_spectrum_the_output_is_the_original(time, ratio):
    upsampler, high = made(ratio), noise(1, time)
    low_band = Spectrum(*(part[..., : upsampler._low_bins] for part in upsampler._high_stft(high)))
    high_band = upsampler._high_band(high)
    log_power = upsampler._features(high_band)["magnitude"]
    out = upsampler._waveform(low_band, log_power, _phasors(high_band))[:, :time]
    np.testing.assert_allclose(out, high, atol=1e-5)


@given(time=st.integers(1, 1500), ratio=ratios)
def test_low_band_is_that_of_the_high_rate_with_its_images_added(time, ratio):
    """So decimation without a low-pass folds a spectrum: frames and scale are right."""
    upsampler, high = made(ratio), noise(1, ratio * time)
    spectrum = tf.complex(*upsampler._high_stft(high)).numpy()[0]
    whole = np.concatenate([spectrum, spectrum[:, -2:0:-1].conj()], axis=1)
    folded = whole.reshape([len(whole), ratio, -1]).sum(axis=1)[:, : upsampler._low_bins]
    folded[:, -1] /= 2
    low = tf.complex(*upsampler._low_band(high[:, ::ratio])).numpy()[0]
    np.testing.assert_allclose(low, folded, atol=1e-4)


@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_phase_images_are_those_of_zeros_between_the_samples(ratio):
    upsampler, low = make(ratio), noise(1, 2000 // ratio)
    between = np.zeros([1, 2000], np.float32)
    between[:, ::ratio] = low
    expected = tf.complex(*upsampler._high_band(between)).numpy()
    low_band = upsampler._low_band(low)
    imaged = ImagedPhase()(low_band, {"magnitude": tf.zeros(expected.shape)})
    np.testing.assert_allclose(
        tf.complex(*imaged) * np.abs(expected), expected, atol=1e-5 * np.abs(expected).max()
    )


def test_at_ratio_two_the_phase_is_mirrored_with_its_sign_changed():
    upsampler = make()
    low = upsampler._low_band(noise(1, 300))
    imaged = ImagedPhase()(low, {"magnitude": tf.zeros([1, 4, 128])})
    expected = -tf.atan2(low.imag, low.real)[..., -2::-1]
    angle = tf.atan2(imaged.imag, imaged.real)
    np.testing.assert_allclose(np.cos(angle - expected), 1, atol=1e-5)


@pytest.mark.parametrize("phase", PHASES[:2])
def test_the_loss_is_that_of_all_bins_for_each_example(phase):
    upsampler = make(phase=phase)
    losses = upsampler.losses_for(batch(), training=False)
    assert tuple(losses) == upsampler.loss_names == ("loss", *phase.parts)
    np.testing.assert_allclose(losses["loss"], np.mean([losses[p] for p in phase.parts], axis=0))
    assert losses["loss"].shape == (4,)


@pytest.mark.parametrize("whitening", [MeanVariance, Pca])
def test_adapt_whitens_features_and_targets(whitening):
    upsampler = make(8, phase=RegressedPhase(), whitening=whitening)
    batches = [batch(8, seed=seed) for seed in range(8)]
    upsampler.adapt(iter(batches))
    for band, time in (("low", 512), ("high", 4096)):
        signal = tf.concat([b[band] for b in batches], axis=0)
        assert signal.shape == (32, time)
        spectrum = {"low": upsampler._low_band, "high": upsampler._high_band}[band](signal)
        for part, values in upsampler._whitened(band, spectrum).items():
            values = values.numpy().reshape([-1, values.shape[-1]])
            np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-3)
            deviations = values.std(axis=0)
            assert np.isclose(deviations, 1, atol=0.02).mean() > 0.9, part
            assert deviations.max() < 1.02


@pytest.mark.parametrize("phase", PHASES)
def test_training_lowers_the_loss(phase):
    upsampler = make(phase=phase, optimizer=keras.optimizers.Adam(3e-3))
    upsampler.adapt([batch(seed=seed) for seed in range(8)])
    upsampler.compile()
    dataset = tf.data.Dataset.from_tensors(batch(examples=8)).repeat(60)
    before = upsampler.evaluate(dataset.take(1), verbose=0, return_dict=True)
    upsampler.fit(dataset, verbose=0)
    after = upsampler.evaluate(dataset.take(1), verbose=0, return_dict=True)
    assert set(after) == {"loss", *phase.parts}
    assert after["magnitude"] < 0.5 * before["magnitude"]


def test_every_weight_exists_once_it_is_initialised():
    for phase in PHASES:
        upsampler = make(phase=phase, whitening=Pca)
        before = [weight.ref() for weight in upsampler.weights]
        upsampler.losses_for(batch(), training=True)
        upsampler.with_reference(noise(128)).upsample(noise(1, 64))
        assert [weight.ref() for weight in upsampler.weights] == before
        assert upsampler.count_params() > 0


@pytest.mark.parametrize("ratio", [2, 8])
def test_receptive_field_holds_and_is_reached(ratio):
    upsampler = make(ratio)
    field, hop = upsampler.receptive_field, upsampler.hop
    assert hop * upsampler.frame_rate == upsampler.input_rate
    middle = (field // hop + 2) * hop
    low, reach = tf.constant(noise(1, 2 * middle + 5)), 0
    for t in (middle, middle + hop - 1):
        with tf.GradientTape() as tape:
            tape.watch(low)
            out = tf.reduce_sum(upsampler.upsample(low)[0, ratio * t : ratio * (t + 1)])
        touched = np.flatnonzero(tape.gradient(out, low)[0])
        reach = max(reach, t - touched[0], touched[-1] - t)
    assert reach == field


@pytest.mark.parametrize("phase", PHASES[:2])
@pytest.mark.parametrize(("ratio", "extra"), [(2, 0), (4, 1), (8, -1)])
def test_chunks_equal_the_whole(phase, ratio, extra):
    upsampler = make(ratio, phase=phase)
    low = noise(30 * upsampler.hop + extra)
    whole = upsample_array(upsampler, low)
    for chunk in (1, 3 * upsampler.hop):
        np.testing.assert_allclose(upsample_array(upsampler, low, chunk), whole, atol=1e-5)


@pytest.mark.parametrize(("phase", "whitening"), [(PHASES[0], Pca), (PHASES[1], MeanVariance)])
def test_exports_equal_keras_at_any_length(phase, whitening, tmp_path):
    upsampler = make(4, phase=phase, whitening=whitening)
    upsampler.adapt([batch(4, seed=seed) for seed in range(16)])
    export_saved_model(upsampler, tmp_path / "saved_model")
    export_tflite(upsampler, tmp_path / "model.tflite")
    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    phone = WholeRecordings(tmp_path / "model.tflite")
    for length in (1, 2, 63, 64, 65, 1001):
        low = noise(2, length)
        expected = upsampler.upsample(low)
        np.testing.assert_allclose(served(audio=tf.constant(low))["audio"], expected, atol=1e-4)
        np.testing.assert_allclose(phone(low), expected, atol=1e-4)
    if isinstance(phase, ImagedPhase):
        np.testing.assert_array_equal(phone(np.zeros([1, 500], np.float32)), np.zeros([1, 2000]))


def test_float16_leaves_the_low_band_as_it_is(tmp_path):
    upsampler, path = without_high_band(2), tmp_path / "half.tflite"
    export_tflite(upsampler, path, QUANTIZATIONS["float16"])
    run, low = WholeRecordings(path), noise(1, 1000)
    np.testing.assert_allclose(run(low)[:, ::2], low, atol=1e-6)
    np.testing.assert_array_equal(run(0 * low), np.zeros([1, 2000]))


def test_silence_stays_silent_and_no_prediction_is_infinite():
    upsampler = make()
    np.testing.assert_array_equal(upsampler.upsample(tf.zeros([1, 500])), np.zeros([1, 1000]))
    mean = upsampler.whitenings["high_magnitude"].mean
    mean.assign(tf.fill(mean.shape, 1000.0))
    assert np.isfinite(upsampler.upsample(noise(1, 500))).all()


def test_the_true_phase_is_an_upper_bound_for_one_recording():
    upsampler = make(phase=TruePhase(), width=64)
    upsampler.adapt([batch(seed=seed) for seed in range(8)])
    sample = batch(examples=1)
    low, high = sample["low"], sample["high"].numpy()
    oracle = upsampler.with_reference(high[0])
    assert oracle.receptive_field is None
    estimate = upsample_array(oracle, low[0].numpy())
    assert estimate.shape == high[0].shape
    imaged = upsampler.upsample_with(ImagedPhase(), low)[0]
    errors = [np.mean((x - high[0]) ** 2) for x in (estimate, imaged)]
    assert errors[0] < 0.5 * errors[1]


def test_without_its_original_the_true_phase_is_refused():
    with pytest.raises(UserError, match="^TruePhase is for evaluation, .*ImagedPhase.*$"):
        make(phase=TruePhase()).upsample(noise(1, 100))


def test_other_phases_need_no_reference():
    upsampler = make()
    assert upsampler.with_reference(noise(100)) is upsampler


@pytest.mark.parametrize("ratio", [1, 3, 6])
def test_ratios_that_do_not_divide_the_hop_are_refused(ratio):
    with pytest.raises(UserError, match=f"^BandRegression .* {ratio} times: .*power of two.*$"):
        BandRegression(DNN, 8000, ratio * 8000)
