import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.signal.frame_codec import FrameCodec
from tfsr.signal.stft import Spectrum

CODECS = [
    *(FrameCodec(512, 128), FrameCodec(256, 128), FrameCodec(768, 192), FrameCodec(60, 20)),
    *(FrameCodec(512, 128, asymmetric=True), FrameCodec(512, 80, asymmetric=True)),
    *(FrameCodec(320, 80, asymmetric=True), FrameCodec(1536, 384, asymmetric=True)),
]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.float32(np.random.default_rng(seed).uniform(-1, 1, shape))


def around(codec: FrameCodec, x: np.ndarray) -> np.ndarray:
    """With the zeros with which every sample is in all the frames that it can be in."""
    margins = codec.n_fft - codec.hop_length, codec.support - codec.hop_length
    return np.pad(x, [(0, 0), margins])


def signal(codec: FrameCodec, frames: Spectrum, samples: int) -> np.ndarray:
    late = codec.support - codec.hop_length
    return codec.synthesize(frames).numpy()[:, late : late + samples]


@pytest.mark.parametrize("codec", CODECS)
@given(batch=st.integers(1, 2), hops=st.integers(1, 8), seed=st.integers(0, 99))
def test_gives_a_signal_back(codec, batch, hops, seed, rounding):
    x = noise(batch, hops * codec.hop_length, seed=seed)
    frames = codec.analyze(around(codec, x))
    assert frames.real.shape[2] == codec.bins
    atol = rounding(codec.n_fft, 1.0)  # terms of a sum, of samples of at most 1
    np.testing.assert_allclose(signal(codec, frames, x.shape[1]), x, rtol=0, atol=atol)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("ratio", [1, 2])
def test_bins_are_those_of_the_windowed_transform(codec, ratio, rounding):
    samples, hop = codec.low(ratio)
    atol = rounding(2 * samples, float(ratio))  # products and sums, up to the window's height
    x = noise(1, 4 * samples)
    frames = codec.analyze(x, ratio)
    quarter = (np.arange(samples) * ratio + 0.5) / codec.n_fft
    if codec.asymmetric:
        rise = codec.n_fft - codec.hop_length
        place = quarter * codec.n_fft
        quarter = np.where(place < rise, place / rise, 1 + (place - rise) / codec.hop_length) / 2
    window = ratio * np.sin(np.pi * quarter)
    for number in range(frames.real.shape[1]):
        frame = x[0, number * hop : number * hop + samples]
        expected = np.fft.rfft(frame * window)
        np.testing.assert_allclose(frames.real[0, number], expected.real, rtol=0, atol=atol)
        np.testing.assert_allclose(frames.imag[0, number], expected.imag, rtol=0, atol=atol)


@pytest.mark.parametrize("codec", [FrameCodec(512, 128), FrameCodec(512, 128, asymmetric=True)])
def test_bins_of_a_low_rate_are_the_lowest_of_the_high_one(codec):
    time = np.arange(4096)
    high = sum(np.sin(2 * np.pi * f * time + f) for f in (0.01, 0.0731, 0.17)).astype(np.float32)
    of_high, of_low = codec.analyze(high[np.newaxis]), codec.analyze(high[np.newaxis, ::2], 2)
    for wide, narrow in zip(of_high, of_low, strict=True):
        # What the window lets through from far above is mirrored at the end: 0.0196 at most here,
        # which is the window's and no matter of rounding.
        near = slice(0, 110)
        np.testing.assert_allclose(narrow[..., near], wide[..., near], rtol=0, atol=0.02)
        assert np.abs(wide).max() > 50


@pytest.mark.parametrize("codec", CODECS)
def test_the_highest_bins_alone(codec):
    frames = codec.analyze(noise(1, 5 * codec.n_fft))
    first = codec.bins - 10
    upper = Spectrum(*(part[..., first:] for part in frames))
    silent = Spectrum(*(np.pad(part, [(0, 0), (0, 0), (first, 0)]) for part in upper))
    np.testing.assert_allclose(codec.synthesize(upper), codec.synthesize(silent), atol=1e-6)


@pytest.mark.parametrize("codec", CODECS)
def test_a_sample_is_ready_after_the_latency(codec):
    """What comes in at the end of a hop reaches so far back, whatever is done to the frames."""
    factors = noise(codec.bins, seed=1)
    x = noise(1, 6 * codec.n_fft)
    last = 3 * codec.n_fft // codec.hop_length * codec.hop_length - 1
    changed = x.copy()
    changed[0, last] += 1e4
    made = []
    for low in (x, changed):
        frames = codec.analyze(around(codec, low))
        mixed = Spectrum(frames.real * factors, frames.imag)
        made.append(signal(codec, mixed, x.shape[1])[0])
    touched = np.flatnonzero(made[0] != made[1])
    assert touched[0] == last - (codec.latency - 1)


@pytest.mark.parametrize("settings", [(512, 100), (511, 100, True), (512, 300, True), (500, 500)])
def test_frames_that_cannot_be_undone_are_refused(settings):
    with pytest.raises(UserError, match=f"hop_length is {settings[1]} and n_fft {settings[0]}"):
        FrameCodec(*settings)


def test_rates_that_do_not_divide_a_frame_are_refused():
    with pytest.raises(UserError, match="n_fft 512 and hop_length 128.*3 times.*multiples of 6"):
        FrameCodec(512, 128).low(3)


@pytest.mark.parametrize("codec", [FrameCodec(60, 20), FrameCodec(64, 16, asymmetric=True)])
def test_converts_to_tflite_builtins(codec, as_tflite):
    def there_and_back(x: tf.Tensor) -> tf.Tensor:
        return codec.synthesize(codec.analyze(x, 2))

    x = noise(2, 401)
    np.testing.assert_allclose(as_tflite(there_and_back)(x), there_and_back(x), rtol=0, atol=1e-5)
