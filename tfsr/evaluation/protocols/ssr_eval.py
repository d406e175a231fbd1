"""Protocols of ssr_eval, NVSR's program, in all its settings."""

from collections.abc import Callable, Mapping

from tfsr.degradation.band_limit import BandLimit
from tfsr.degradation.base import Degradation
from tfsr.degradation.codec import Mp3
from tfsr.degradation.effects import CutOff
from tfsr.degradation.lowpass import (
    Bessel,
    BrickWall,
    Butterworth,
    Chebyshev,
    Elliptic,
    LowPass,
    Resampling,
)
from tfsr.evaluation.metrics import Metric
from tfsr.evaluation.protocols.protocol import Protocol
from tfsr.evaluation.protocols.voicefixer import LSD
from tfsr.evaluation.restoration_metrics import SiSpec, Ssim
from tfsr.signal.interpolation import Flat

_METRICS: Mapping[str, Metric] = {
    "LSD": LSD,
    "log-SiSpec": SiSpec(log=True, floor=0.0, offset=1e-12),
    "SiSpec": SiSpec(),
    "SSIM": Ssim(),
}

_KINDS: Mapping[str, Callable[[int], LowPass]] = {
    "cheby": lambda order: Chebyshev(order, 0.1, edge=1.0),
    "butter": lambda order: Butterworth(order, zero_phase=True),
    "bessel": Bessel,
    "ellip": Elliptic,
}

# What stands in a name before the rate -> the filter, and what is said of it.
_FILTERS: Mapping[str, tuple[LowPass, str]] = {
    "": (BrickWall(2048, 441, append=False), "their default"),
    **{
        f"{kind}{order}_": (
            make(order),
            f"by a {kind} filter of order {order}, forwards and backwards; that they resample "
            "after it has no effect",
        )
        for kind, make in _KINDS.items()
        for order in (3, 6, 9)
    },
    "subsampling_": (Resampling(), "by SciPy's polyphase resampling down and up"),
}

_CUT_OFFS = {
    f"{prefix}{2 * khz}k": (
        BandLimit(CutOff(1000 * khz, (low_pass,))),
        f"without what {2 * khz} kHz cannot carry, {how}",
    )
    for prefix, (low_pass, how) in _FILTERS.items()
    for khz in (1, 2, 4, 6, 8, 12, 16)
}

_CODED = {
    f"mp3_{kbit_s}": (
        Mp3(kbit_s, 48000),
        f"as MP3 of {kbit_s} kbit/s at 48 kHz. They code the file itself by SoX and LAME, align "
        "the result to whole samples and leave it a sample late: an LSD differs by 0.04 at 32 "
        "kbit/s, by 0.01 from 64 on",
    )
    for kbit_s in (32, 48, 64, 96, 128)
}

_SETTINGS: Mapping[str, tuple[Degradation, str]] = {**_CUT_OFFS, **_CODED}

PROTOCOLS = tuple(
    Protocol(
        f"ssr_eval_{name}",
        "Liu et al. 2022, NVSR, and their program (haoheliu/ssr_eval: eval.py, lowpass.py, "
        f"metrics.py): 44.1 kHz, {how}. For systems whose input is at the output rate. They "
        "average the means of the speakers p360, p361, p362, p363, p364, p374, p376 and s5 of VCTK "
        "0.92.",
        _METRICS,
        {"unprocessed": Flat()},
        by_speaker=True,
        degradation=degradation,
        output_rate=44100,
    )
    for name, (degradation, how) in _SETTINGS.items()
)
