"""Numbers against their ranges."""

import math

import numpy as np
import pytest

from tfsr.arguments import ANY, BELOW_1, COUNT, NOT_NEGATIVE, POSITIVE, SHARE, check
from tfsr.errors import UserError
from tfsr.losses.spectral_distances import LogStft
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.flow import Flow


@pytest.mark.parametrize(
    ("wanted", "right", "wrong"),
    [
        (COUNT, [1, np.int64(3), (1, (2, 3)), {"a": 1}, None], [0, 1.5, True, "1", (), (1, 0)]),
        (POSITIVE, [1e-9, np.float32(2)], [0, -1, math.nan, math.inf, {"a": 0}]),
        (NOT_NEGATIVE, [0, 2.5, {}], [-1e-9]),
        (SHARE, [0, 1], [-0.1, 1.1]),
        (BELOW_1, [0, 0.99], [1, -0.1]),
        (ANY.of_pair(), [(-5.0, 40.0), [1, 1]], [(2, 1), (1,), (1, 2, 3), 1]),
    ],
)
def test_what_is_within_a_range(wanted, right, wrong):
    for value in right:
        check("Owner", {"x": value}, {"x": wanted, "absent": wanted})
    for value in wrong:
        with pytest.raises(UserError, match="^`Owner.x.*does not fit; give "):
            check("Owner", {"x": value}, {"x": wanted})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: UpperBins(3, blocks=-1), "`UpperBins.blocks`: -1"),
        (lambda: FrameCodec(512, 0), "`FrameCodec.hop_length`: 0"),
        (lambda: LogStft(()), r"`LogStft.fft_sizes`: \(\)"),
        (lambda: Flow(None, 8000, 16000, sigma=-1.0), "`Flow.sigma`: -1.0"),
    ],
)
def test_constructors_refuse_numbers_out_of_range(make, told):
    with pytest.raises(UserError, match=f"^{told} does not fit"):
        make()
