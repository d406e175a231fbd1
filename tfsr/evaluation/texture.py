"""Level and texture of the generated band, compared with the original: what listeners miss there.

An LSD cannot tell a band with missing peaks, or one that buzzes, from a good one. These can.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import scipy.fft
import scipy.signal

from tfsr.evaluation.metrics import Metric, Spectrogram

# The power of what rounding to 16 bits adds; less is not told apart.
_FLOOR = 2.0**-30 / 12

_FRAMES = Spectrogram(1536, 384, sizes_at=48000)  # 32 ms, one every 8 ms

# So many frames at each end reach beyond it; a sound that is cut off there is loud in all bands.
_AT_END = 2

# Levels are told in narrow bands up to so high an output rate, in wide ones beyond.
_FULL_BAND_RATE = 32000
_NARROW_HZ, _WIDE_HZ = 1000, 4000


@dataclasses.dataclass(frozen=True)
class BandLevel:
    """Level difference in dB of a band, estimate minus reference; softer: below 0.

    It compares powers, summed over frames of 32 ms. The rounding noise of 16 bits is added to both.

    Args:
        low_hz, high_hz: the band.
        of: "all" frames, the "loud" ones, which are the loudest fifth, or the "quiet" ones, which
            are the softer half. The reference's power in the band selects them.
    """

    low_hz: float
    high_hz: float
    of: Literal["all", "loud", "quiet"] = "all"

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        original, made = (self._powers(signal, rate) for signal in (reference, estimate))
        chosen = self._chosen(original)
        return float(10 * np.log10(np.mean(made[chosen]) / np.mean(original[chosen])))

    def _powers(self, signal: np.ndarray, rate: int) -> np.ndarray:
        """Mean squares [frames] of the band's samples."""
        samples = _FRAMES.sizes(rate)[0]
        hertz = np.arange(samples // 2 + 1) * rate / samples
        band = (hertz >= self.low_hz) & (hertz < self.high_hz)
        of_window = samples**2 * 0.375  # sum of its squares, times samples
        powers = 2 * np.sum(_FRAMES(signal, rate)[:, band] ** 2, axis=1) / of_window + _FLOOR
        return powers[_AT_END:-_AT_END] if powers.size > 2 * _AT_END else powers

    def _chosen(self, powers: np.ndarray) -> np.ndarray:
        """Indices of the selected frames, at least one."""
        by_level = np.argsort(powers, kind="stable")
        loud, quiet = math.ceil(powers.size / 5), math.ceil(powers.size / 2)
        return {"all": by_level, "loud": by_level[-loud:], "quiet": by_level[:quiet]}[self.of]


@dataclasses.dataclass(frozen=True)
class FrameModulation:
    """How much the generated band buzzes at the rate of a system's frames: 0 to 1.

    The measure uses the modulation of the band's envelope from 20 to 900 Hz. It is the share of
    modulation within 2.5 Hz of multiples of the frame rate. If frames do not agree with their
    neighbours, there are lines at these multiples. The band is above the cut-off. The envelope is
    Hilbert's, and the spectrum Welch's (1 s, Hann windows, half overlapping). For noise, the value
    is the share of the range within 2.5 Hz of multiples, see `of_noise`; speech has a little less
    or more.

    It is -inf for less than half a second. It is also -inf if the band is 40 dB softer than the
    reference's: then there is none.

    Args:
        frame_rate: in Hz.
    """

    frame_rate: float
    uses_cutoff = True

    lowest_hz = 20
    highest_hz = 900
    near_hz = 2.5
    shortest_seconds = 0.5
    softest_db = -40

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        original, made = (_envelope(x, rate, cutoff_hz) for x in (reference, estimate))
        absent = np.mean(made**2) <= 10 ** (self.softest_db / 10) * np.mean(original**2)
        if absent or made.size < self.shortest_seconds * rate:
            return -math.inf
        segment = min(rate, made.size)
        _, power = scipy.signal.welch(made, rate, "hann", segment, nfft=rate)
        power = power[self.lowest_hz : self.highest_hz + 1]
        return float(np.sum(power[self._near]) / np.sum(power))

    @property
    def of_noise(self) -> float:
        """The value of modulation that prefers no frequency."""
        return float(np.mean(self._near))

    @property
    def _near(self) -> np.ndarray:
        """Which whole frequencies in Hz of the range are at a multiple, bool."""
        hertz = np.arange(self.lowest_hz, self.highest_hz + 1)
        multiples = np.maximum(np.round(hertz / self.frame_rate), 1) * self.frame_rate
        return np.abs(hertz - multiples) <= self.near_hz


def of_upper_band(
    input_rate: int, output_rate: int, frame_rate: float | None
) -> Mapping[str, Metric]:
    """Columns for the band that a system adds above its input; none if it adds no band.

    "4-8k": level of an octave, and the levels of its loud and its quiet frames. "4-5k": level of a
    band of 1 kHz, or of 4 kHz above 32 kHz. "buzz": modulation at the frame rate in Hz, if there is
    one.
    """
    if input_rate == output_rate:
        return {}
    cutoff, nyquist = input_rate / 2, output_rate / 2
    octaves = _bands([cutoff * 2**n for n in range(output_rate // input_rate)], nyquist)
    width = _NARROW_HZ if output_rate <= _FULL_BAND_RATE else _WIDE_HZ
    return {
        **({"buzz": FrameModulation(frame_rate)} if frame_rate else {}),
        **{
            f"{of} {name}".removeprefix("all "): BandLevel(*band, of)
            for name, band in octaves.items()
            for of in ("all", "loud", "quiet")
        },
        **{
            name: BandLevel(*band)
            for name, band in _bands(np.arange(cutoff, nyquist - width / 2, width), nyquist).items()
        },
    }


def _bands(edges: np.ndarray | list[float], end: float) -> dict[str, tuple[float, float]]:
    """Name -> from each edge to the next, in Hz; the last band ends at `end`."""
    edges = [float(edge) for edge in edges if edge < end] + [end]
    pairs = zip(edges, edges[1:], strict=False)
    return {f"{low / 1000:.4g}-{high / 1000:.4g}k": (low, high) for low, high in pairs}


def _envelope(signal: np.ndarray, rate: int, cutoff_hz: float) -> np.ndarray:
    """The envelope of everything above the cut-off, [time]."""
    size = scipy.fft.next_fast_len(len(signal))
    hertz = np.fft.fftfreq(size, 1 / rate)
    spectrum = 2 * _passed(hertz, cutoff_hz, rate / 2) * scipy.fft.fft(np.float64(signal), size)
    return np.abs(scipy.fft.ifft(spectrum)[: len(signal)])


def _passed(hertz: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 within the band, 0 outside, raised cosines of 4 % of its width inside of both ends."""
    inside = np.minimum(hertz - low, high - hertz) / (0.04 * (high - low))
    return np.sin(np.pi / 2 * np.clip(inside, 0, 1)) ** 2
