import numpy as np
import pytest

from tfsr.degradation.band_limit import BandLimit
from tfsr.degradation.chain import Chain
from tfsr.degradation.decimation import Decimate
from tfsr.degradation.effects import CutOff
from tfsr.degradation.lowpass import BrickWall, Butterworth
from tfsr.errors import UserError

RNG = np.random.default_rng(0)
BRICK_WALL = BrickWall(2048, 441, append=False)


def test_is_its_filters_in_their_order():
    high = np.random.default_rng(0).standard_normal(5000)
    limited = BandLimit(CutOff(4000, (BRICK_WALL, Butterworth())))(high, 44100, 44100, RNG)
    expected = Butterworth()(BRICK_WALL(high, 44100, 8000), 44100, 8000)
    np.testing.assert_array_equal(limited, expected)


def test_asks_for_the_context_of_all_filters():
    assert BandLimit(CutOff(4000, (BRICK_WALL,))).context == 0
    assert BandLimit(CutOff(4000, (Butterworth(), Butterworth()))).context == 480


def test_stands_before_a_change_of_rate_and_makes_none():
    limit = BandLimit(CutOff(2000, (BRICK_WALL,)))
    high = np.random.default_rng(0).standard_normal(5000)
    assert Chain((limit, Decimate()))(high, 16000, 8000, RNG).shape == (2500,)
    with pytest.raises(UserError, match="BandLimit leaves 16000 Hz, and 8000 Hz are wanted"):
        limit(high, 16000, 8000, RNG)
