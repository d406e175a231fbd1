import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.inference.chunks import upsample_array
from tfsr.inference.streams import stream


def sound(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).uniform(-0.5, 0.5, shape).astype(np.float32)


@given(st.lists(st.integers(0, 50), max_size=6), st.integers(1, 2))
def test_together_they_are_the_whole(streaming, cuts, channels):
    audio = sound(150, channels)
    blocks = [block for block in np.split(audio, np.cumsum(cuts)) if len(block) or len(cuts) % 2]
    made = np.concatenate(list(stream(streaming, blocks)))
    np.testing.assert_allclose(made, upsample_array(streaming, audio), rtol=0, atol=1e-5)


def test_one_channel_stays_flat(streaming):
    audio = sound(100)
    made = np.concatenate(list(stream(streaming, [audio[:30], audio[30:]])))
    np.testing.assert_allclose(made, upsample_array(streaming, audio), rtol=0, atol=1e-5)


def test_nothing_is_later_than_the_latency(streaming):
    """What has come in `latency_ms` ago has been given."""
    fed = given = 0
    late = round(streaming.latency_ms * streaming.input_rate / 1000)

    def blocks():
        nonlocal fed
        for block in np.split(sound(320), 320):
            assert given >= 2 * (fed - late)
            fed += 1
            yield block

    for made in stream(streaming, blocks()):
        given += len(made)
    assert given == 640


def test_an_empty_stream_gives_nothing(streaming):
    assert list(stream(streaming, [])) == list(stream(streaming, [np.zeros(0)])) == []


def test_what_is_no_blocks_is_told(streaming):
    with pytest.raises(UserError, match="^`blocks`: give arrays"):
        list(stream(streaming, None))


def test_blocks_stay_flat_or_not(streaming):
    with pytest.raises(UserError, match="changes between"):
        list(stream(streaming, [sound(10), sound(10, 1)]))


def test_blocks_are_checked(streaming):
    with pytest.raises(UserError, match="^audio: a sample is NaN"):
        list(stream(streaming, [np.full(10, np.nan)]))


def test_blocks_keep_their_channels(streaming):
    with pytest.raises(UserError, match="^audio: has 1 channels after blocks of 2"):
        list(stream(streaming, [sound(10, 2), sound(10, 1)]))
