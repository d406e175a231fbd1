import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfsr
from tfsr.errors import UserError
from tfsr.inference.chunks import upsample_array
from tfsr.inference.concealment import Concealment
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


def test_what_did_not_come_is_concealed(doubling):
    audio = sound(800)
    blocks = np.split(audio, 5)
    made = np.concatenate(list(stream(doubling, [blocks[0], None, None, *blocks[3:]])))
    concealment = Concealment(8000)
    low = [concealment.came(blocks[0]), concealment.lost(160), concealment.lost(160)]
    low += map(concealment.came, blocks[3:])
    np.testing.assert_array_equal(made, np.repeat(np.concatenate(low), 2))


def test_the_network_goes_on_over_what_is_concealed(speech):
    """A second after a loss nothing is left of it, and meanwhile nothing is much louder."""
    blocks: list = np.split(speech[:16_000], 100)
    model = tfsr.load("telephony-8k-16k")
    whole = np.concatenate(list(model.stream(blocks)))
    blocks[30] = blocks[31] = None
    made = np.concatenate(list(model.stream(blocks)))
    lost = slice(30 * 320, 32 * 320)
    assert len(made) == 32_000 and not np.allclose(made[lost], whole[lost], rtol=0, atol=1e-3)
    np.testing.assert_allclose(made[16_000 + lost.stop :], whole[16_000 + lost.stop :], atol=1e-6)
    around = slice(lost.start - 640, lost.stop + 640)
    assert np.max(np.abs(made[around])) < 1.5 * np.max(np.abs(whole[around]))


def test_what_is_lost_first_is_silence(doubling):
    audio = sound(160, 2)
    made = np.concatenate(list(stream(doubling, [None, None, audio[:80], None, audio[80:]])))
    assert made.shape == (2 * 400, 2) and not made[:320].any() and made[320:].any()
    assert list(stream(doubling, [None])) == []


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
