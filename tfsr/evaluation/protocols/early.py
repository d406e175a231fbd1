"""Protocols of the first networks at 12 and 16 kHz."""

import math

from tfsr.degradation.decimation import Decimate
from tfsr.degradation.lowpass import Butterworth, Chebyshev
from tfsr.evaluation.metrics import Lsd, Snr
from tfsr.evaluation.protocols.protocol import Protocol, columns, interpolations
from tfsr.signal.interpolation import Spline

_KULESHOV = Protocol(
    "kuleshov2017",
    "Kuleshov, Enam, Ermon 2017, Audio super-resolution using neural networks, and their program: "
    "natural logarithm, root over time and mean over frequency, at most 10. They averaged the SNR "
    "over patches of 8192 samples (segSNR here).",
    columns(
        Snr(error_power=1e-6, ratio_offset=1e-8),
        Lsd(base=math.e, floor=0.0, offset=1e-8, axes="swapped", cap=10.0),
    ),
    interpolations(Spline("not_a_knot")),
    degradation=Decimate(Chebyshev()),
)

_KING = Protocol(
    "king2021",
    "King et al. 2021, and their program: causal Butterworth filter whose delay counts as error, "
    "LSD with SciPy's default STFT, root over time and mean over frequency. They worked at 12 kHz.",
    columns(Snr(), Lsd(n_fft=256, hop_length=128, floor=0.0, axes="swapped", padding="zeros")),
    interpolations(Spline("not_a_knot")),
    degradation=Decimate(Butterworth()),
)

PROTOCOLS = (_KULESHOV, _KING)
