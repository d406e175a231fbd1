import os

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr import audio_file
from tfsr.errors import UserError
from tfsr.inference.bands import Band
from tfsr.inference.chunks import upsample_array
from tfsr.inference.files import Fitted, Plan
from tfsr.inference.files import upsample_file as upsample_planned
from tfsr.inference.manifest import Record
from tfsr.inference.samples import Samples
from tfsr.signal.resample import StreamResampler
from tfsr.upsamplers.interpolation import Interpolation


@pytest.fixture(scope="module")
def upsampler() -> Interpolation:
    return Interpolation(8000, 16000)


def sound(samples: int, channels: int) -> np.ndarray:
    generator = np.random.default_rng(samples)
    return generator.uniform(-0.4, 0.4, [samples, channels]).astype(np.float32)


def upsample_file(upsampler, source, target, progress=None, bandwidth_hz=None, **how) -> Fitted:
    with audio_file.AudioFile(source) as recording:
        channels = tuple(range(recording.channels))
        bands = [Band(channels, bandwidth_hz or recording.rate / 2, "interpolation")]
        plan = Plan(recording, bands, **how)
        return upsample_planned(lambda _: upsampler, plan, target, progress)


def left_in(folder) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_many_channels_take_no_more_memory_than_one(upsampler, tmp_path, channels):
    audio_file.write(tmp_path / "low.wav", sound(9, channels), 8000, "FLOAT")
    with audio_file.AudioFile(tmp_path / "low.wav") as recording:
        plan = Plan(recording, [Band(tuple(range(channels)), 4000.0, "interpolation")])
        assert plan.chunk(upsampler, channels) == upsampler.chunk // channels
        assert plan.chunk(upsampler, 10 * upsampler.chunk) == 1


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("samples", [1, 2, 999, 40_000])
def test_the_file_is_what_the_array_is(upsampler, tmp_path, samples, channels):
    low = sound(samples, channels)
    audio_file.write(tmp_path / "low.wav", low, 8000, "FLOAT")
    upsample_file(upsampler, tmp_path / "low.wav", tmp_path / "high.wav", chunk_seconds=7 / 8)
    high, rate = audio_file.read(tmp_path / "high.wav")
    assert rate == 16000 and len(high) == 2 * samples
    np.testing.assert_allclose(high, upsample_array(upsampler, low), rtol=0, atol=1e-5)


def test_a_recording_in_memory_is_told_and_written_too(upsampler, tmp_path):
    plan = Plan(Samples(sound(4000, 1), 8000), [Band((0,), 4000.0, "interpolation")])
    assert str(plan) == "8000 Hz, 1 channels, 0.5 s, with interpolation"
    record = Record("audio", "high.wav").planned(plan)
    assert (record.seconds, record.assumed, record.faults) == (0.5, None, ())
    upsample_planned(lambda _: upsampler, plan, tmp_path / "high.wav")
    assert audio_file.info(tmp_path / "high.wav").subtype == "FLOAT"


@pytest.mark.parametrize("rate", [6000, 11_025, 44_100, 48_000])
def test_other_rates_are_resampled(upsampler, tmp_path, rate):
    audio = sound(70_001, 2)
    audio_file.write(tmp_path / "in.wav", audio, rate, "FLOAT")
    upsample_file(upsampler, tmp_path / "in.wav", tmp_path / "out.wav")
    high, made_rate = audio_file.read(tmp_path / "out.wav")
    assert made_rate == 16000 and len(high) == -(-70_001 * 16000 // rate)
    expected = upsample_array(upsampler, audio, rate=rate)[: len(high)]
    np.testing.assert_allclose(high, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "source, subtype, target, expected",
    [
        ("in.wav", "PCM_U8", "out.wav", "PCM_16"),
        ("in.wav", "ULAW", "out.wav", "PCM_16"),
        ("in.wav", "PCM_24", "out.wav", "PCM_24"),
        ("in.wav", "DOUBLE", "out.wav", "DOUBLE"),
        ("in.wav", "PCM_24", "out.flac", "PCM_24"),
        ("in.wav", "FLOAT", "out.flac", "PCM_16"),
        ("in.wav", "MS_ADPCM", "out.wav", "PCM_16"),
        ("in.mp3", None, "out.wav", "PCM_16"),
        ("in.ogg", "VORBIS", "out.ogg", "VORBIS"),
    ],
)
def test_bits_per_sample_are_kept_where_they_can(
    upsampler, tmp_path, source, subtype, target, expected
):
    audio_file.write(tmp_path / source, sound(4001, 1), 8000, subtype)
    samples = audio_file.info(tmp_path / source).samples
    upsample_file(upsampler, tmp_path / source, tmp_path / target)
    written = audio_file.info(tmp_path / target)
    assert (written.subtype, written.samples) == (expected, 2 * samples)


def test_progress_ends_at_one(upsampler, tmp_path):
    audio_file.write(tmp_path / "low.wav", sound(5000, 1), 8000)
    shares = []
    upsample_file(
        upsampler,
        tmp_path / "low.wav",
        tmp_path / "high.wav",
        progress=shares.append,
        chunk_seconds=1 / 8,
    )
    assert shares == sorted(shares) and len(shares) == 5 and shares[-1] == 1


class Scrambled(Interpolation):
    """One that leaves nothing of the low band, and counts how often it is traced."""

    traces = 0

    def upsample(self, low, noise=None):
        self.traces += 1
        return 0.05 - 2 * tf.tanh(super().upsample(low))


@pytest.fixture(scope="module")
def upsamplers() -> list[Interpolation]:
    kinds = Interpolation, Scrambled
    return [kind(8000, 8000 * ratio) for kind in kinds for ratio in (1, 2, 3)]


@settings(max_examples=10)
@given(
    number=st.integers(0, 5),
    rate=st.sampled_from([8000, 11_025, 48_000]),
    share=st.floats(0.2, 0.95),
    chunk=st.integers(3000, 9000),
    seed=st.integers(0, 99),
)
def test_the_low_band_is_the_recordings(
    upsamplers, tmp_path_factory, number, rate, share, chunk, seed
):
    upsampler, folder = upsamplers[number], tmp_path_factory.mktemp("low")
    cutoff = share * min(rate, upsampler.output_rate) / 2
    random = np.random.default_rng(seed)
    audio_file.write(folder / "in.wav", random.normal(0, 0.1, [2 * rate, 2]), rate, "FLOAT")
    made = []
    for size in (chunk, 10**6):
        how = {"keep_low_band": True, "bandwidth_hz": cutoff, "chunk_seconds": size / 8000}
        upsample_file(upsampler, folder / "in.wav", folder / "out.wav", **how)
        made.append(audio_file.read(folder / "out.wav")[0])
    np.testing.assert_allclose(*made, rtol=0, atol=1e-5)
    low = at_rate(audio_file.read(folder / "in.wav")[0], rate, upsampler.output_rate)
    kept, error = (below(0.9 * cutoff, x, upsampler.output_rate) for x in (low, made[0] - low))
    assert len(made[0]) == len(low)
    assert np.sum(error**2) < 1e-6 * np.sum(kept**2)


def at_rate(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    return StreamResampler(from_rate, to_rate, audio.shape[1]).push(audio, last=True)


def below(hz: float, audio: np.ndarray, rate: int) -> np.ndarray:
    """What is a little below a frequency, but for both ends."""
    kernel = scipy.signal.firwin(4001, hz - rate / 400, window=("kaiser", 12), fs=rate)
    return scipy.signal.oaconvolve(np.float64(audio), kernel[:, np.newaxis], "valid", 0)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_another_rate_of_the_output(upsampler, tmp_path, rate):
    low = sound(40_000, 2)
    audio_file.write(tmp_path / "in.wav", low, 8000, "FLOAT")
    upsample_file(
        upsampler, tmp_path / "in.wav", tmp_path / "out.wav", chunk_seconds=9 / 8, rate=rate
    )
    expected = at_rate(upsample_array(upsampler, low), 16_000, rate)
    high = audio_file.read(tmp_path / "out.wav")[0]
    assert len(high) == len(expected) == 5 * rate
    np.testing.assert_allclose(high, expected, rtol=0, atol=1e-5)


def test_a_folder_of_any_lengths_is_traced_once(tmp_path):
    upsampler = Scrambled(8000, 16_000)
    for number in range(40):
        low = sound(700 + 997 * number % 4001, 1 + number % 3)
        audio_file.write(tmp_path / "in.wav", low, [8000, 16_000, 11_025][number % 3])
        upsample_file(upsampler, tmp_path / "in.wav", tmp_path / "out.wav", chunk_seconds=1 / 4)
    assert upsampler.traces == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_sample_is_refused_and_nothing_is_left(upsampler, tmp_path, bad):
    low = sound(200_000, 1)
    low[150_000] = bad
    audio_file.write(tmp_path / "low.wav", low, 8000, "FLOAT")
    with pytest.raises(UserError, match=r"low\.wav"):
        upsample_file(upsampler, tmp_path / "low.wav", tmp_path / "high.wav", chunk_seconds=1)
    assert left_in(tmp_path) == ["low.wav"]


def test_nothing_half_written_when_it_breaks_off(upsampler, tmp_path):
    audio_file.write(tmp_path / "low.wav", sound(50_000, 1), 8000)
    (tmp_path / "high.wav").write_text("older")

    def interrupt(share: float) -> None:
        if share > 0.5:
            assert len(left_in(tmp_path)) == 3
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        how = {"progress": interrupt, "chunk_seconds": 5 / 8}
        upsample_file(upsampler, tmp_path / "low.wav", tmp_path / "high.wav", **how)
    assert left_in(tmp_path) == ["high.wav", "low.wav"]
    assert (tmp_path / "high.wav").read_text() == "older"


def _text(path):
    path.write_text("no sound at all")


def _empty(path):
    path.touch()


def _no_samples(path):
    audio_file.write(path, np.zeros([0, 1], np.float32), 8000)


def _missing(path):
    pass


@pytest.mark.parametrize("make", [_text, _empty, _no_samples, _missing])
def test_what_is_no_recording_is_named(upsampler, tmp_path, make):
    make(tmp_path / "low.wav")
    before = left_in(tmp_path)
    with pytest.raises(UserError, match=r"low\.wav"):
        upsample_file(upsampler, tmp_path / "low.wav", tmp_path / "high.wav")
    assert left_in(tmp_path) == before


@pytest.mark.parametrize("target", ["low.wav/high.wav", "folder.wav", "high.doc"])
def test_what_cannot_be_written_is_named(upsampler, tmp_path, target):
    audio_file.write(tmp_path / "low.wav", sound(100, 1), 8000)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(UserError, match=target):
        upsample_file(upsampler, tmp_path / "low.wav", tmp_path / target)
    assert left_in(tmp_path) == ["folder.wav", "low.wav"]
