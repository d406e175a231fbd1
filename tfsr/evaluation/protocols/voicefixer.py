"""Protocols of speech restoration, as VoiceFixer was evaluated."""

import dataclasses

from tfsr.degradation.effects import ClipAbsolute
from tfsr.evaluation.metrics import Lsd, Metric
from tfsr.evaluation.perceptual import PesqWideband, Stoi
from tfsr.evaluation.protocols.protocol import Protocol
from tfsr.evaluation.restoration_metrics import Aligned, SiSdr, SiSpec, Ssim
from tfsr.evaluation.test_set import Preparation
from tfsr.signal.interpolation import Flat

LSD = Lsd(2048, 441, ratio_offset=1e-12, sizes_at=44100)
"""The log-spectral distance, also that of ssr_eval."""

_RESTORATION: dict[str, Metric] = {
    "PESQ": PesqWideband(),
    "STOI": Stoi(),
    "SI-SNR": SiSdr(),
    "SSIM": Ssim(),
    "LSD": LSD,
}

_VOICEFIXER = Protocol(
    "voicefixer",
    "Liu et al. 2022, VoiceFixer: restoration at 44.1 kHz, with the degradation that the system "
    "was trained for. The paper's figures are not aligned; beside them are those after a shift of "
    "at most 50 ms, for a vocoder's delay changes most of them.",
    {
        **_RESTORATION,
        "SiSpec": SiSpec(),
        "log-SiSpec": SiSpec(log=True),
        **{f"{column}-aligned": Aligned(metric) for column, metric in _RESTORATION.items()},
    },
    {"unprocessed": Flat()},
    output_rate=44100,
)

_DECLI = tuple(
    dataclasses.replace(
        _VOICEFIXER,
        name=f"decli_{percent}",
        source=f"Liu et al. 2022, VoiceFixer: speech with a peak of 1, clipped at {percent} % "
        "of that.",
        degradation=ClipAbsolute((percent / 100, percent / 100)),
        preparation=Preparation(peak=1.0),
    )
    for percent in (10, 25, 50)
)

PROTOCOLS = (_VOICEFIXER, *_DECLI)
