import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.inference.chunks import upsample_array
from tfsr.inference.streams import stream
from tfsr.networks.spectral import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.spectral import Spectral

CODEC = FrameCodec(128, 32, asymmetric=True)


@pytest.fixture(scope="module")
def upsampler() -> Spectral:
    network = functools.partial(UpperBins, channels=4, blocks=1, causal=True)
    upsampler = Spectral(network, 8000, 16000, losses={}, codec=CODEC)
    upsampler.initialize()
    return upsampler


def sound(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).uniform(-0.5, 0.5, shape).astype(np.float32)


@given(st.lists(st.integers(0, 50), max_size=6), st.integers(1, 2))
def test_together_they_are_the_whole(upsampler, cuts, channels):
    audio = sound(150, channels)
    blocks = [block for block in np.split(audio, np.cumsum(cuts)) if len(block)]
    made = np.concatenate(list(stream(upsampler, blocks)))
    np.testing.assert_allclose(made, upsample_array(upsampler, audio), rtol=0, atol=1e-5)


def test_one_channel_stays_flat(upsampler):
    audio = sound(100)
    made = np.concatenate(list(stream(upsampler, [audio[:30], audio[30:]])))
    np.testing.assert_allclose(made, upsample_array(upsampler, audio), rtol=0, atol=1e-5)


def test_nothing_is_later_than_the_latency(upsampler):
    """What has come in `latency_ms` ago has been given."""
    fed = given = 0
    late = round(upsampler.latency_ms * upsampler.input_rate / 1000)

    def blocks():
        nonlocal fed
        for block in np.split(sound(320), 320):
            assert given >= 2 * (fed - late)
            fed += 1
            yield block

    for made in stream(upsampler, blocks()):
        given += len(made)
    assert given == 640


def test_an_empty_stream_gives_nothing(upsampler):
    assert list(stream(upsampler, [])) == []


def test_blocks_are_checked(upsampler):
    with pytest.raises(UserError, match="^audio: a sample is NaN"):
        list(stream(upsampler, [np.full(10, np.nan)]))


def test_blocks_keep_their_channels(upsampler):
    with pytest.raises(UserError, match="^audio: has 1 channels after blocks of 2"):
        list(stream(upsampler, [sound(10, 2), sound(10)]))
