"""Settings of degradations that are out of their ranges."""

import pytest

from tfsr.data.noise import Noise
from tfsr.degradation.chain import AtRate
from tfsr.degradation.damage import Damage
from tfsr.degradation.decimation import KaiserSincDecimation
from tfsr.degradation.effects import (
    Added,
    AnyLowPass,
    Clip,
    ClipAbsolute,
    CutOff,
    PacketLoss,
    SecondOrder,
    Sometimes,
)
from tfsr.degradation.lowpass import Bessel, BrickWall, Butterworth, Chebyshev, Elliptic
from tfsr.degradation.room import Room
from tfsr.degradation.synthetic_noise import Clicks, Hiss, Hum, Wind
from tfsr.errors import UserError


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        *[(Chebyshev, {"edge": -1}), (Butterworth, {"order": 0}), (Bessel, {"order": 2.5})],
        *[(Elliptic, {"stop_db": 0}), (Butterworth, {"context": -1})],
        *[(BrickWall, {"hop_length": 1024}), (KaiserSincDecimation, {"rolloff": 0})],
        *[(Damage, {"snr_db": (40, -5)}), (Damage, {"level": (-1, 1)}), (Clip, {"gain": (0, 1)})],
        *[(SecondOrder, {"q": 0}), (ClipAbsolute, {"threshold": (1, 0)})],
        *[(AnyLowPass, {"orders": (0, 9)}), (CutOff, {"cutoff_hz": 0, "filters": ()})],
        *[(Sometimes, {"probability": 2, "degradation": Clip()}), (Room, {"test_share": 2})],
        *[(Noise, {"cache_mb": -1}), (Added, {"snr_db": (30, 0), "noise": Hum()})],
        *[(PacketLoss, {"share": (0, 1)}), (PacketLoss, {"packet_seconds": 0})],
        *[(PacketLoss, {"burst": 0.5}), (AtRate, {"rate": 0.5, "degradation": Clip()})],
        *[(Hum, {"mains_hz": ()}), (Hum, {"detuning": 1}), (Hum, {"harmonics": (0, 9)})],
        *[(Hum, {"fall_db": (9, 3)}), (Hum, {"spread_db": -1}), (Hiss, {"slope_db": (3, -6)})],
        *[(Clicks, {"per_second": (-1, 1)}), (Clicks, {"decay_seconds": (0, 1)})],
        *[(Clicks, {"range_db": -1}), (Wind, {"cutoff_hz": (0, 100)})],
        *[(Wind, {"gust_seconds": (0, 1)}), (Wind, {"range_db": -1})],
    ],
)
def test_a_number_out_of_its_range_is_told_by_name(cls, settings):
    with pytest.raises(UserError, match=f"^`{cls.__name__}.{next(iter(settings))}`: .* not fit"):
        cls(**settings)
