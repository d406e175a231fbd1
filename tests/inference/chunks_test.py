import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.backend import Stage
from tfsr.inference import chunks
from tfsr.inference.chunks import upsample_array, upsample_blocks
from tfsr.inference.noise import standard_normal
from tfsr.inference.workers import Workers
from tfsr.networks.audiounet import AudioUNet
from tfsr.signal.resample import StreamResampler
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.interpolation import Interpolation
from tfsr.upsamplers.regression import Regression


class Strided(Upsampler):
    """Convolution with stride 4, then back up: position and edges matter."""

    def __init__(self, noise_steps: int = 0):
        super().__init__(8000, 16000)
        self.noise_steps = noise_steps
        self.hop = 4
        self.receptive_field = 12
        keras.utils.set_random_seed(0)
        self.down = keras.layers.Conv1D(6, 9, strides=4, padding="same", activation="tanh")
        self.up = keras.layers.Conv1D(8, 3, padding="same", bias_initializer="normal")
        self.traces = 0
        self.initialize()

    def upsample(self, low, noise=None):
        self.traces += 1
        batch, time = tf.unstack(tf.shape(low))
        padded = tf.expand_dims(tf.pad(low, [[0, 0], [0, -time % 4]]), -1)
        high = tf.reshape(self.up(self.down(padded)), [batch, -1])[:, : 2 * time]
        return high if noise is None else high + tf.reduce_sum(noise, 0) * tf.abs(high)


class Staged(Upsampler):
    """Five convolutions, one after the other, each with noise and a condition of its own kind.

    The signal between them has two parts, of twice and of half the time of the input.
    """

    noise_steps = 5
    receptive_field = 6
    condition_field = 1
    hop = 2

    def __init__(self):
        super().__init__(8000, 16000)
        keras.utils.set_random_seed(0)
        self.fine = keras.layers.Conv1D(1, 13, padding="same", activation="tanh")
        self.coarse = keras.layers.Conv1D(1, 3, padding="same", activation="tanh")
        self.initialize()

    @property
    def stages(self):
        others = [Stage(self.step, 1, numbers) for numbers in [(0.5,), (2.0,), (0.7,)]]
        return [Stage(self.first, 1, (1.0,)), *others, Stage(self.last, 1)]

    def condition(self, low):
        padded = tf.expand_dims(tf.pad(low, [[0, 0], [0, tf.shape(low)[1] % 2]]), -1)
        return {"low": tf.repeat(low, 2, axis=1), "mean": tf.nn.avg_pool1d(padded, 2, 2, "VALID")}

    def first(self, _, condition, noise, scale):
        return self.step((condition["low"], condition["mean"]), condition, noise, scale)

    def step(self, signal, condition, noise, scale):
        fine = tf.squeeze(self.fine(tf.expand_dims(signal[0], -1)), -1)
        coarse = self.coarse(scale * signal[1] + condition["mean"])
        spread = tf.repeat(tf.squeeze(coarse, -1), 4, axis=1)[:, : tf.shape(fine)[1]]
        return fine + condition["low"] + 0.1 * noise[0] + spread, coarse

    def last(self, signal, condition, noise):
        return self.step(signal, condition, noise, tf.constant(1.0))[0]


class Unbounded(Strided):
    def __init__(self):
        super().__init__()
        self.receptive_field = None

    def upsample(self, low, noise=None):
        return super().upsample(low) + tf.reduce_mean(low, axis=1, keepdims=True)


def small_unet(ratio: int = 2) -> Regression:
    keras.utils.set_random_seed(1)
    upsampler = Regression(AudioUNet((4, 8, 8, 8)), 16000 // ratio, 16000)
    upsampler.initialize()
    # The last layer starts near zero: with that an error anywhere in the network would not show.
    last = upsampler.network.last.weights[0]
    last.assign(tf.random.stateless_normal(last.shape, [1, 2], stddev=0.2))
    return upsampler


@pytest.fixture(scope="module")
def upsamplers() -> dict[str, Upsampler]:
    return {
        "spline": Interpolation(4000, 16000),
        "strided": Strided(),
        "drawing": Strided(noise_steps=3),
        "staged": Staged(),
        "unbounded": Unbounded(),
        "unet": small_unet(),
        "unet_x4": small_unet(ratio=4),
    }


NAMES = ["spline", "strided", "drawing", "staged", "unbounded", "unet", "unet_x4"]


def sound(samples: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.uniform(-1, 1, [samples, channels]).astype(np.float32)


def cut(low: np.ndarray, places: list[int]) -> list[np.ndarray]:
    return np.split(low, sorted(place % (len(low) + 1) for place in places))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(chunk=st.integers(100, 3500), samples=st.integers(2500, 3500))
def test_chunked_equals_whole(upsamplers, name, chunk, samples):
    low = sound(samples)
    whole = upsample_array(upsamplers[name], low)
    chunked = upsample_array(upsamplers[name], low, chunk)
    assert whole.shape == (upsamplers[name].ratio * samples, 2)
    np.testing.assert_allclose(chunked, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@given(places=st.lists(st.integers(0, 10_000), max_size=12), chunk=st.integers(100, 2000))
def test_the_size_of_the_blocks_does_not_matter(upsamplers, name, places, chunk):
    low = sound(1500)
    parts = list(upsample_blocks(upsamplers[name], iter(cut(low, places)), chunk))
    whole = upsample_array(upsamplers[name], low)
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chunk", [90, 400])
def test_threads_change_no_bit(upsamplers, name, chunk):
    low = sound(1500)

    def made(workers: Workers) -> np.ndarray:
        return np.concatenate(list(upsample_blocks(upsamplers[name], [low], chunk, 3, 1, workers)))

    with Workers(3) as workers:
        np.testing.assert_array_equal(made(workers), made(Workers()))


@pytest.mark.parametrize("name", ["spline", "strided", "drawing", "unet"])
@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_together_in_a_call_are_as_one_by_one(upsamplers, monkeypatch, name, threads):
    upsampler, low, rows = upsamplers[name], sound(4000), []
    expected = upsample_array(upsampler, low, 300, 3)
    run_stage = upsampler.run_stage

    def counted(stage, signal, condition, part, noise=()):
        rows.append(len(condition))
        return run_stage(stage, signal, condition, part, noise)

    monkeypatch.setattr(upsampler, "run_stage", counted)
    with Workers(threads, batch=4) as workers:
        made = list(upsample_blocks(upsampler, [low], 300, 3, 1, workers))
    np.testing.assert_allclose(np.concatenate(made), expected, rtol=0, atol=1e-5)
    assert max(rows) == 2 * 4 and len(rows) < len(made) / 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [0, 1, 2, 3, 5, 31, 33])
def test_short_signals(upsamplers, name, samples):
    upsampler = upsamplers[name]
    for chunk in None, 1, 7:
        high = upsample_array(upsampler, sound(samples), chunk)
        assert high.shape == (upsampler.ratio * samples, 2) and high.dtype == np.float32
        assert np.all(np.isfinite(high))


@pytest.mark.parametrize("channels", range(1, 7))
def test_channels_are_upsampled_one_by_one(upsamplers, channels):
    low = sound(700, channels)
    together = upsample_array(upsamplers["unet"], low, 256)
    for channel in range(channels):
        alone = upsample_array(upsamplers["unet"], low[:, channel], 256)
        assert alone.shape == (1400,)
        np.testing.assert_allclose(together[:, channel], alone, rtol=0, atol=1e-5)


def test_a_signal_at_another_rate_is_resampled_first():
    upsampler = Interpolation(8000, 16000)
    audio = np.random.default_rng(0).normal(0, 0.1, [1000, 2]).astype(np.float32)
    at_8k = StreamResampler(11025, 8000, 2).push(audio, last=True)
    expected = upsample_array(upsampler, at_8k)
    np.testing.assert_array_equal(upsample_array(upsampler, audio, rate=11025), expected)


def test_noise_depends_on_seed_and_channel(upsamplers):
    low = np.repeat(sound(400, 1), 2, axis=1)
    first, again, other = (
        upsample_array(upsamplers["drawing"], low, seed=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert np.abs(first[:, 0] - first[:, 1]).max() > 0.1


@given(start=st.integers(0, 20_000), samples=st.integers(1, 20_000))
def test_noise_belongs_to_the_place(start, samples):
    whole = standard_normal(5, 1, 2, 0, 40_000)
    part = standard_normal(5, 1, 2, start, start + samples)
    np.testing.assert_array_equal(part, whole[..., start : start + samples])


def test_noise_is_standard_normal():
    draws = [standard_normal(0, draw, 2, 100, 100_100) for draw in range(2)]
    assert all(noise.shape == (2, 100_000) and noise.dtype == np.float32 for noise in draws)
    noise = np.concatenate(draws)
    np.testing.assert_allclose(noise.mean(-1), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(noise), np.eye(4), atol=0.02)


def test_blocks_are_read_only_as_they_are_needed(upsamplers):
    read = 0

    def blocks():
        nonlocal read
        for _ in range(1000):
            read += 100
            yield sound(100)

    next(iter(upsample_blocks(upsamplers["strided"], blocks(), chunk=500)))
    assert read == 600


def test_one_trace_serves_every_length_and_channel_count():
    upsampler = Strided()
    before = upsampler.traces
    for samples, channels in (100, 1), (333, 2), (1, 6):
        upsample_array(upsampler, sound(samples, channels), 64)
    assert upsampler.traces == before + 1


def test_an_upsampler_is_let_go():
    upsampler = Strided()
    upsample_array(upsampler, sound(10))
    alive = weakref.ref(upsampler)
    del upsampler
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("together", [1, 2, 3])
def test_stages_may_work_together_in_any_number(upsamplers, monkeypatch, together):
    low = sound(500)
    whole = upsample_array(upsamplers["staged"], low)
    monkeypatch.setattr(chunks, "STAGES_TOGETHER", together)
    np.testing.assert_allclose(upsample_array(upsamplers["staged"], low, 50), whole, atol=1e-5)


def test_the_whole_is_what_upsample_makes(upsamplers):
    low = sound(300, 1)[:, 0]
    noise = [standard_normal(7, draw, 1, 0, 600) for draw in range(5)]
    expected = upsamplers["staged"].upsample(low[np.newaxis], tf.stack(noise))[0]
    np.testing.assert_allclose(
        upsample_array(upsamplers["staged"], low, 64, 7), expected, atol=1e-5
    )
