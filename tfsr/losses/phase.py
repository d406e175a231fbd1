"""AP-BWE's distances between spectra in amplitude and phase (Lu, Ai, Du & Ling 2024).

Each takes the target and the estimate. It gives float32 [batch], a mean over frames and bins of
each example.
"""

import dataclasses
import math

import tensorflow as tf

from tfsr.arguments import NOT_NEGATIVE, check
from tfsr.signal.polar import Polar, PolarStft
from tfsr.signal.stft import Spectrum


def amplitude_distance(target: Polar, estimate: Polar) -> tf.Tensor:
    """Mean square difference of natural logarithms."""
    return _mean(tf.square(target.log_amplitude - estimate.log_amplitude))


def phase_distance(target: Polar, estimate: Polar) -> tf.Tensor:
    """The sum of three mean absolute differences in radians, at most pi each.

    They are of the instantaneous phase, the group delay and the instantaneous angular frequency.
    The group delay is the change from one bin to the next. The frequency is the change from one
    frame to the next. At least two frames.
    """
    difference = target.phase - estimate.phase
    group_delay = difference[:, :, 1:] - difference[:, :, :-1]
    angular_frequency = difference[:, 1:] - difference[:, :-1]
    differences = difference, group_delay, angular_frequency
    return tf.add_n([_mean(anti_wrapped(x)) for x in differences])


@dataclasses.dataclass(frozen=True)
class StftPhase:
    """`phase_distance` of two waveforms' spectra: [batch, time] x 2 -> [batch].

    Args:
        transform: makes the spectra.
        floor: a bin with real and imaginary parts below it has no phase to learn from; its phase
            is set to 0.
    """

    transform: PolarStft = PolarStft(n_fft=512, hop_length=128, window_length=512)
    floor: float = 1e-4

    def __post_init__(self):
        check("StftPhase", vars(self), {"floor": NOT_NEGATIVE})

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        return phase_distance(*(self._filled(self.transform(x)) for x in (high, estimate)))

    def _filled(self, polar: Polar) -> Polar:
        # The gradient of atan2 is not defined at 0.
        empty = (tf.abs(polar.real) < self.floor) & (tf.abs(polar.imag) < self.floor)
        real = tf.where(empty, 1.0, polar.real)
        return polar._replace(real=real, imag=tf.where(empty, 0.0, polar.imag))


def complex_distance(target: Spectrum, estimate: Spectrum) -> tf.Tensor:
    """Mean square difference of all real and imaginary parts."""
    real, imag = (tf.square(a - b) for a, b in zip(target, estimate, strict=True))
    return (_mean(real) + _mean(imag)) / 2


def anti_wrapped(x: tf.Tensor) -> tf.Tensor:
    """Distance of a phase difference to the next multiple of 2 pi, [0, pi] (Ai & Ling 2023)."""
    return tf.abs(x - 2 * math.pi * tf.round(x / (2 * math.pi)))


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(x, axis=[1, 2])
