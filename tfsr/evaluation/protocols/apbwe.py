"""Protocols of AP-BWE."""

from tfsr.degradation.decimation import SincHannDecimation
from tfsr.degradation.lowpass import SincHannResampling
from tfsr.evaluation.metrics import Lsd, Snr
from tfsr.evaluation.phase_metrics import PhaseDistance
from tfsr.evaluation.protocols.protocol import Protocol, at_one_rate, columns
from tfsr.signal.interpolation import Linear, Spline
from tfsr.signal.sinc_hann import SincHann

_PHASE = {
    "IP": PhaseDistance(),
    "GD": PhaseDistance("group_delay"),
    "IAF": PhaseDistance("angular_frequency"),
}

_APBWE = Protocol(
    "apbwe",
    "Lu, Ai, Du and Ling 2024, AP-BWE, and their program: torchaudio's windowed sinc, untrimmed "
    "recordings, 16 bits. IP, GD and IAF are distances of phases. They report ViSQOL besides. "
    "Their estimates end with the last whole 80 samples, and so did what they compared.",
    columns(Snr(smallest_error=1e-8), Lsd()) | _PHASE,
    {"sinc": SincHann(), "spline": Spline(), "linear": Linear()},
    degradation=SincHannDecimation(),
    pcm16=True,
)

PROTOCOLS = (
    _APBWE,
    *at_one_rate(_APBWE, (2, 4, 8, 12, 16, 24), SincHannResampling(), label="sinc"),
)
