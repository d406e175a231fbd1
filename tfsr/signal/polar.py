"""Spectra as log amplitudes and phases, as in AP-BWE (Lu, Ai, Du & Ling 2024)."""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from tfsr.arguments import COUNT, POSITIVE, check
from tfsr.signal.stft import Spectrum, istft, stft

_LEAST_POWER = 1e-20

_RANGES = dict.fromkeys(("n_fft", "hop_length", "window_length"), COUNT) | {"floor": POSITIVE}


class Polar(NamedTuple):
    """A spectrum in parts, float32 [batch, frames, bins] each.

    Attributes:
        log_amplitude: natural logarithm.
        real, imag: of any complex number with this phase; its absolute value does not matter.
    """

    log_amplitude: tf.Tensor
    real: tf.Tensor
    imag: tf.Tensor

    @property
    def phase(self) -> tf.Tensor:
        """The phase in radians, [-pi, pi]."""
        return tf.atan2(self.imag, self.real)

    @property
    def spectrum(self) -> Spectrum:
        """The Cartesian parts, computed without sine and cosine; 0 where `real` and `imag` are."""
        power = tf.square(self.real) + tf.square(self.imag)
        scale = tf.exp(self.log_amplitude) * tf.math.rsqrt(tf.maximum(power, _LEAST_POWER))
        return Spectrum(self.real * scale, self.imag * scale)


@dataclasses.dataclass(frozen=True)
class PolarStft:
    """float32 [batch, time] -> `Polar`, and back.

    The middle of frame t is at sample t * hop_length. There are 1 + time // hop_length frames, and
    more for less than n_fft / 2 samples. The defaults are AP-BWE's at all rates.

    The signal is mirrored at its ends. A frame whose middle is at an end has a real spectrum.
    Rounding leaves small imaginary parts, and in the authors' code these give phases of pi or -pi
    at random. Here these parts are removed, and all such phases are pi.

    Args:
        n_fft: samples of a frame, a power of two.
        hop_length: samples from one frame to the next, at most half of a window.
        window_length: length of the Hann window in the middle of the frame.
        floor: added to amplitudes before the logarithm.
    """

    n_fft: int = 1024
    hop_length: int = 80
    window_length: int = 320
    floor: float = 1e-4

    def __post_init__(self):
        check("PolarStft", vars(self), _RANGES)

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1

    def __call__(self, x: tf.Tensor) -> Polar:
        spectrum = Spectrum.of(stft(x, self.n_fft, self.hop_length, self.window_length))
        amplitude = tf.sqrt(tf.maximum(spectrum.power, _LEAST_POWER))
        imag = tf.where(self._mirrored(x), 0.0, spectrum.imag)
        # atan2 tells -0 from 0, and makes -pi or pi of it.
        real, imag = (tf.where(tf.equal(part, 0.0), 0.0, part) for part in (spectrum.real, imag))
        return Polar(tf.math.log(amplitude + self.floor), real, imag)

    def _mirrored(self, x: tf.Tensor) -> tf.Tensor:
        """Whether the middle of a frame is at an end of the signal: [1, frames, 1]."""
        last = tf.maximum(tf.shape(x)[1], self.bins) - 1
        middles = tf.range(0, last + 2, self.hop_length)
        return tf.reshape((middles == 0) | (middles == last), [1, -1, 1])

    def inverse(self, polar: Polar, time: int | tf.Tensor) -> tf.Tensor:
        """The signal [batch, time], for the `time` of the transformed signal."""
        return istft(polar.spectrum, self.hop_length, time, self.window_length)
