"""Protocols of UDM+, unconditional diffusion models for speech."""

import dataclasses

from tfsr.degradation.decimation import Decimate, KaiserSincDecimation
from tfsr.degradation.lowpass import BrickWall
from tfsr.evaluation.metrics import Lsd, Snr, share_of_bins
from tfsr.evaluation.protocols.protocol import Protocol, columns
from tfsr.signal.interpolation import Linear, Spline
from tfsr.signal.windowed_sinc import WindowedSinc

_SINC = KaiserSincDecimation()

_UDM = Protocol(
    "udm",
    "Yu, Yeh, Fazekas and Tang 2023, and their programs (yoyololicon/diffwave-sr: vctk_infer.py, "
    "vctk_dsp_baseline.py; yoyololicon/kazane): recordings as they are, down and up by a windowed "
    "sinc of 128 zero crossings. LSD-low is below bin int(1025 / ratio). Samples at the end that "
    "make no whole one at the low rate are left out; they compare these with zeros, which changes "
    "an LSD by 0.002 at most.",
    columns(Snr(), Lsd(first_high=share_of_bins)),
    {
        "sinc": WindowedSinc(_SINC.reach, _SINC.kaiser_beta, _SINC.rolloff, mirrored=True),
        "spline": Spline("not_a_knot"),
        "linear": Linear(half_pixel=True),
    },
    degradation=_SINC,
)

_STFT = dataclasses.replace(
    _UDM,
    name="udm_stft",
    source=f"{_UDM.source} The low-rate signal is made as NU-Wave makes it, without its bins above "
    "the low Nyquist frequency.",
    degradation=Decimate(BrickWall()),
)

PROTOCOLS = (_UDM, _STFT)
