"""Protocols of UniverSR."""

from tfsr.degradation.decimation import SincHannDecimation
from tfsr.degradation.lowpass import SincHannResampling
from tfsr.evaluation.metrics import Lsd, Snr
from tfsr.evaluation.protocols.protocol import Protocol, at_one_rate, columns
from tfsr.evaluation.test_set import Preparation
from tfsr.signal.interpolation import Linear, Spline
from tfsr.signal.sinc_hann import SincHann

_8K_BIN = 80


def first_bin(cutoff_hz: float, rate: int, n_fft: int) -> int:
    """Their table: 80, 128, 170, 256 for 8, 12, 16, 24 kHz, rounded down except for the first."""
    return _8K_BIN if cutoff_hz == 4000 else int(cutoff_hz * n_fft / rate)


_UNIVERSR = Protocol(
    "universr",
    "Choi, Lee, Lim and Kang 2025, UniverSR, and their program (woongzip1/UniverSR: "
    "scripts/compute_metrics.py, data/dataset.py): 48 kHz, a peak of -3 dBFS, the first 5 s, "
    "torchaudio's windowed sinc. LSD with 1024/256 and powers of at least 1e-6; LSD-high from a "
    "bin of their table, for 8 kHz at 3750 Hz.",
    columns(Snr(), Lsd(1024, 256, floor=1e-6, first_high=first_bin)),
    {"sinc": SincHann(), "spline": Spline(), "linear": Linear()},
    degradation=SincHannDecimation(),
    preparation=Preparation(peak=10 ** (-3 / 20), longest=5 * 48000),
    output_rate=48000,
)

PROTOCOLS = (_UNIVERSR, *at_one_rate(_UNIVERSR, (8, 12, 16, 24), SincHannResampling()))
