"""Codecs of telephones: what speech is after it was encoded, sent and decoded."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tfsr.audio_file import through_file, through_mp3
from tfsr.degradation.base import Degradation
from tfsr.errors import UserError
from tfsr.signal.resample import through_rate

# What is added to a magnitude of 16 bits, the largest one, and the exponent of the finest steps.
_LAWS = {"mu": (132, 32635, 0), "a": (0, 32767, 1)}
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class G711(Degradation):
    """Eight bits a sample, finer for soft ones (ITU-T G.711): 64 kbit/s at 8 kHz.

    What exceeds [-1, 1] is clipped.

    Args:
        law: "mu" (North America, Japan) or "a" (elsewhere).

    Raises:
        UserError: unknown law.
    """

    law: Literal["mu", "a"] = "mu"
    changes_rate = False

    def __post_init__(self):
        if self.law not in _LAWS:
            raise UserError(f"G711.law is {self.law!r}: choose 'mu' or 'a'")

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        bias, largest, finest = _LAWS[self.law]
        samples = np.round(np.clip(np.asarray(high, np.float64), -1, 1) * 32768)
        magnitude = np.minimum(np.abs(samples), largest) + bias
        exponent = np.maximum(np.frexp(magnitude)[1] - 8, finest)
        step = np.exp2(exponent + 3)
        decoded = (np.floor(magnitude / step) + 0.5) * step - bias
        return np.where(samples < 0, -decoded, decoded) / 32768


@dataclass(frozen=True)
class Gsm(Degradation):
    """GSM full rate (ETSI EN 300 961, "06.10"), by libsndfile: 13 kbit/s at 8 kHz."""

    changes_rate = False
    context = 960

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        return through_file(high, output_rate, "WAV", "GSM610")


@dataclass(frozen=True)
class Opus(Degradation):
    """Opus (RFC 6716), by libsndfile, as calls over the internet have it.

    At 24 and 48 kHz, below 64 kbit/s, the signal is shifted by up to 0.1 ms, forwards or back. Its
    coder of speech does that. `AtRate(16000, Opus())` shifts it by less than a sample of 16 kHz.

    Args:
        kbit_s: least and most, 6 to 256. Files carry some more, for their frames' headers.

    Raises:
        UserError: no such bit rate; when called, a sample rate that Opus does not have.
    """

    kbit_s: tuple[float, float] = (8.0, 32.0)
    changes_rate = False
    context = 960

    def __post_init__(self):
        least, most = self.kbit_s
        if not 6 <= least <= most <= 256:
            raise UserError(f"Opus.kbit_s is {self.kbit_s}: give least and most between 6 and 256")

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        if output_rate not in _OPUS_RATES:
            rates = ", ".join(map(str, _OPUS_RATES))
            raise UserError(f"Opus has no {output_rate} Hz: put it where that is one of {rates}")
        # libsndfile goes from 256 to 6 kbit/s as this goes from 0 to 1.
        level = (256 - rng.uniform(*self.kbit_s)) / 250
        return through_file(high, output_rate, "OGG", "OPUS", compression_level=float(level))


@dataclass(frozen=True)
class Mp3(Degradation):
    """MP3 at a constant bit rate, by LAME in FFmpeg.

    Args:
        kbit_s: LAME takes the nearest that there is at the sample rate.
        rate: in Hz, to which soxr brings the signal before, and from which it comes back; None:
            that of the signal.

    Raises:
        UserError: no such bit rate or sample rate; when called, a signal at one that MP3 has not.
    """

    kbit_s: int = 128
    rate: int | None = None
    changes_rate = False
    context = 2304

    def __post_init__(self):
        if not 8 <= self.kbit_s <= 320:
            raise UserError(f"Mp3.kbit_s is {self.kbit_s}: give a number between 8 and 320")
        if self.rate is not None:
            _check_mp3(self.rate)

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        rate, high = self.rate or output_rate, np.asarray(high, np.float64)
        _check_mp3(rate)
        return through_rate(
            high, output_rate, rate, lambda signal: through_mp3(signal, rate, self.kbit_s)
        )


def _check_mp3(rate: int) -> None:
    if rate not in _MP3_RATES:
        rates = ", ".join(map(str, _MP3_RATES))
        raise UserError(f"MP3 has no {rate} Hz: put it where that is one of {rates}, or set rate")
