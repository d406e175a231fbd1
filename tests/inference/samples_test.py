import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.inference.samples import Samples

SOUND = np.random.default_rng(0).uniform(-1, 1, [100, 2])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_as_they_are(dtype):
    audio = SOUND.astype(dtype)
    np.testing.assert_array_equal(Samples(audio, 8000).audio, audio.astype(np.float32))


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (np.int16, [-(2**15), 0, 2**14], [-1, 0, 0.5]),
        (np.int32, [-(2**31), 0, 2**30], [-1, 0, 0.5]),
        (np.uint8, [0, 128, 192], [-1, 0, 0.5]),
    ],
)
def test_whole_numbers_use_their_whole_range(dtype, values, expected):
    np.testing.assert_array_equal(Samples(np.array(values, dtype), 8000).audio[:, 0], expected)


def test_lists_are_taken():
    recording = Samples([0.0, 0.25], 8000)
    assert (recording.samples, recording.channels, recording.silent) == (2, 1, False)


@given(st.integers(1, 200_000), st.integers(1, 3))
def test_blocks_are_the_whole(samples, channels):
    audio = np.arange(samples * channels, dtype=np.float32).reshape(samples, channels)
    blocks = list(Samples(audio, 8000).blocks())
    np.testing.assert_array_equal(np.concatenate(blocks), audio)


def test_silence_is_known():
    assert Samples(np.zeros(10), 8000).silent


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (np.zeros([2, 48_000]), r"\[2, 48000\], which is 48000 channels; give .* audio\.T"),
        (np.zeros([2, 3, 4]), r"has shape \[2, 3, 4\]"),
        (np.float32(1), r"has shape \[\]"),
        (np.zeros([0, 2]), "holds no samples"),
        (np.zeros(4, np.complex64), "is complex64; give one of float32"),
        (np.zeros(4, bool), "is bool"),
        (np.array(["a"]), "is str"),
        (np.array([0, np.nan, 0]), "NaN or infinite, first at 0.000 s"),
        (np.array([0, np.inf]), "NaN or infinite"),
    ],
)
def test_what_is_no_audio_is_refused(audio, said):
    with pytest.raises(UserError, match=f"^audio: .*{said}"):
        Samples(audio, 8000)


@pytest.mark.parametrize("rate", [0, -1, 8000.5, float("nan"), float("inf"), "8000", None, True])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(UserError, match="^`rate`: "):
        Samples(np.zeros(4), rate)


@pytest.mark.parametrize("rate", [8000, 8000.0, np.int64(8000)])
def test_rates_are_whole_numbers(rate):
    assert Samples(np.zeros(4), rate).rate == 8000
