"""Protocols of NU-Wave, of NU-Wave 2, and of FLowHigh, which uses that of NU-Wave 2."""

import dataclasses

from tfsr.degradation.decimation import Decimate, Polyphase
from tfsr.degradation.lowpass import BrickWall, Chebyshev, Resampling
from tfsr.evaluation.metrics import Lsd, Snr, share_of_bins
from tfsr.evaluation.protocols.protocol import (
    Protocol,
    at_one_rate,
    columns,
    interpolations,
)
from tfsr.evaluation.test_set import Preparation
from tfsr.signal.interpolation import Linear, Spline
from tfsr.signal.windowed_sinc import WindowedSinc

_KHZ = (8, 12, 16, 24)

_NUWAVE = Protocol(
    "nuwave",
    "Lee and Han 2021, NU-Wave: 48 kHz, references trimmed at 15 dB and brought to a peak of 1. "
    "The SNR is that of their erratum, twice the figures in the paper's table. Noise is drawn five "
    "times.",
    columns(Snr(smallest_error=1e-8), Lsd()),
    interpolations(linear=Linear(half_pixel=True)),
    degradation=Decimate(BrickWall()),
    preparation=Preparation(trim_db=15.0, peak=1.0, shortest=32768),
    output_rate=48000,
    draws=5,
)

# Its pass band ends at the low Nyquist frequency.
_CHEBYSHEV = Chebyshev(edge=1.0)

_NUWAVE2 = Protocol(
    "nuwave2",
    "Han and Lee 2022, NU-Wave 2, and their program (maum-ai/nuwave2: for_test.py, dataloader.py): "
    "48 kHz, a peak of 1, the filter's pass band up to the low Nyquist frequency itself. Clips are "
    "cut to whole 256 samples; those under 32768 get zeros on both sides. LSD-high begins at bin "
    "int(1025 * input rate / 48000). Noise is drawn five times. Their sampling clips estimates at "
    "1, which is the system's business here. They give the network the band-limited signal at 48 "
    "kHz, as the variants at one rate do.",
    columns(Snr(smallest_error=1e-8), Lsd(first_high=share_of_bins)),
    {
        "polyphase": WindowedSinc(reach=10, kaiser_beta=5.0, unit_gain=True),
        "spline": Spline(),
        "linear": Linear(),
    },
    degradation=Polyphase(_CHEBYSHEV),
    preparation=Preparation(peak=1.0, shortest=32768, multiple=256),
    output_rate=48000,
    draws=5,
)

_FLOWHIGH = dataclasses.replace(
    _NUWAVE2,
    name="flowhigh",
    source="Yun, Kim and Lee 2025, FLowHigh, and their program (resemble-ai/flowhigh: data.py, "
    "inference.py): inputs of nuwave2, on whole clips with a peak of 1, and files of 16 bits whose "
    "samples are rounded towards 0. One draw. They also resample by soxr's HQ in place of SciPy's "
    "polyphase filter. Their module of metrics is not published; these are those of nuwave2.",
    preparation=Preparation(peak=1.0),
    draws=1,
    pcm16="truncated",
)

PROTOCOLS = (
    _NUWAVE,
    *(_NUWAVE2, *at_one_rate(_NUWAVE2, _KHZ, _CHEBYSHEV, Resampling())),
    *(_FLOWHIGH, *at_one_rate(_FLOWHIGH, _KHZ, _CHEBYSHEV, Resampling())),
)
