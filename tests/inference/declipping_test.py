import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.data.bundled import Bundled
from tfsr.inference.declipping import declipped
from tfsr.signal.damage import Ceilings

RATE = 16_000


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return Bundled().recordings("test")[0].read(RATE)[:, np.newaxis]


def of(x: np.ndarray, *ceilings: Ceilings | None, parts: int = 3) -> np.ndarray:
    blocks = np.array_split(x, parts) if parts else []
    return np.concatenate([x[:0], *declipped(blocks, RATE, ceilings)])


@given(parts=st.integers(1, 40), samples=st.integers(0, 2000))
def test_blocks_do_not_matter_and_the_length_stays(parts, samples):
    x = np.random.default_rng(0).normal(0, 0.5, (samples, 1)).astype(np.float32)
    low = np.clip(x, -0.25, 0.5)
    made = of(low, Ceilings(0.25, 0.5), parts=parts)
    assert made.dtype == np.float32 and made.shape == low.shape
    np.testing.assert_array_equal(made, of(low, Ceilings(0.25, 0.5), parts=1))


@pytest.mark.parametrize("gain, least_db", [(1.5, 4), (2, 5), (4, 6), (8, 4)])
def test_speech_is_nearer_to_what_it_was(gain, least_db):
    """In the mean over speakers."""
    gains = []
    for one in Bundled().recordings("test")[:4]:
        speech = one.read(RATE)[:, np.newaxis]
        limit = np.max(np.abs(speech)) / np.float32(gain)
        low = np.clip(speech, -limit, limit)
        made = of(low, Ceilings(float(limit), float(limit)))
        before, after = (np.sum((x - speech) ** 2) for x in (low, made))
        gains.append(10 * np.log10(before / after))
    assert np.mean(gains) > least_db


def test_only_clipped_samples_change(speech):
    limit = np.float32(0.3 * np.max(speech))
    low = np.minimum(speech, limit)
    made = of(low, Ceilings(np.inf, float(limit)))
    clipped = low > 0.9998 * limit
    np.testing.assert_array_equal(made[~clipped], low[~clipped])
    assert (made[clipped] >= low[clipped]).all() and np.max(made) > 2 * limit
    assert np.sum((made - speech) ** 2) < 0.25 * np.sum((low - speech) ** 2)


def test_channels_are_on_their_own(speech):
    limit = float(0.3 * np.max(np.abs(speech)))
    low = np.clip(speech, -limit, limit)
    both = of(np.concatenate([low, low], axis=1), None, Ceilings(limit, limit))
    np.testing.assert_array_equal(both[:, :1], low)
    np.testing.assert_array_equal(both[:, 1:], of(low, Ceilings(limit, limit)))
