"""Settings of degradations that are out of their ranges."""

import pytest

from tfsr.data.noise import Noise
from tfsr.degradation.damage import Damage
from tfsr.degradation.decimation import KaiserSincDecimation
from tfsr.degradation.effects import AnyLowPass, Clip, ClipAbsolute, CutOff, SecondOrder, Sometimes
from tfsr.degradation.lowpass import Bessel, BrickWall, Butterworth, Chebyshev, Elliptic
from tfsr.degradation.room import Room
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
        (Noise, {"cache_mb": -1}),
    ],
)
def test_a_number_out_of_its_range_is_told_by_name(cls, settings):
    with pytest.raises(UserError, match=f"^`{cls.__name__}.{next(iter(settings))}`: .* not fit"):
        cls(**settings)
