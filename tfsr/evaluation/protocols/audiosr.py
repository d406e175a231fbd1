"""Protocol of AudioSR."""

from tfsr.evaluation.metrics import AtRate, Exchanged, LevelMatched, Lsd
from tfsr.evaluation.protocols.own import STEEP
from tfsr.evaluation.protocols.protocol import Protocol
from tfsr.evaluation.protocols.voicefixer import LSD
from tfsr.signal.interpolation import Spline

# Which of the two is divided by the other is exchanged in that program.
_DEMONSTRATED = Exchanged(Lsd(padding="librosa", ratio_offset=1e-8))

PROTOCOLS = (
    Protocol(
        "audiosr",
        "Liu et al. 2024, AudioSR (haoheliu/versatile_audio_super_resolution: "
        "example/lsd_calculation_pitfall/demo_comparison.py). LSD is ssr_eval's, as in the paper's "
        "tables, and LSD-matched the same after estimates were brought to the reference's level in "
        "the lowest tenth of the bins. The columns 22k are what that program computes: at 22.05 "
        "kHz, and so below 11 kHz alone, with reference and estimate exchanged. With the "
        "degradation that the system was trained for, or on files.",
        {
            "LSD": LSD,
            "LSD-matched": LevelMatched(LSD),
            "LSD-22k": AtRate(22050, _DEMONSTRATED),
            "LSD-22k-matched": AtRate(22050, LevelMatched(_DEMONSTRATED)),
        },
        {"nothing": STEEP, "spline": Spline()},
    ),
)
