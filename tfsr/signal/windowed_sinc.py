"""Interpolation from the low rate to the high one with a sharp linear-phase low-pass."""

import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfsr.arguments import COUNT, NOT_NEGATIVE, POSITIVE, check
from tfsr.signal.float16_split import split_float16
from tfsr.signal.interpolation import convolved, interleave
from tfsr.signal.stft import mirror_ends

_RANGES = {"reach": COUNT, "kaiser_beta": NOT_NEGATIVE, "rolloff": POSITIVE}


@dataclass(frozen=True)
class WindowedSinc:
    """Band-limited interpolation: a sinc under a Kaiser window.

    Input sample t is at output sample ratio * t. With the defaults the band up to 0.9 of the low
    Nyquist frequency passes unchanged. Its images are removed, to 1e-5 of the signal. It is called
    like the interpolations of `tfsr.signal.interpolation`, and converts to TensorFlow Lite's
    built-in operations.

    Args:
        reach: input samples on each side that an output sample depends on.
        kaiser_beta: of the window; a larger value removes more of the images, with a wider
            transition.
        rolloff: its 6 dB point, as a fraction of the low Nyquist frequency. Below 1 it changes
            the input samples too.
        unit_gain: whether the taps are scaled so that a constant stays the same, as in
            `scipy.signal.resample_poly`.
        mirrored: whether the signal continues mirrored at both ends; else zeros follow.
    """

    reach: int = 32
    kaiser_beta: float = 10.0
    rolloff: float = 1.0
    unit_gain: bool = False
    mirrored: bool = False

    def __post_init__(self):
        check("WindowedSinc", vars(self), _RANGES)

    def __call__(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        if ratio == 1:
            return low
        if not self.mirrored:
            return self.inside(tf.pad(low, [[0, 0], [self.reach, self.reach]]), ratio)
        time = low.shape[1] or tf.shape(low)[1]
        return self.inside(mirror_ends(low, self.reach), ratio)[:, : ratio * time]

    def inside(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        """[batch, time + 2 * reach] -> [batch, ratio * time], without the samples at both ends."""
        return interleave(convolved(low, _kernel(self, ratio)))


@functools.lru_cache
def kaiser_sinc(reach: int, kaiser_beta: float, rolloff: float, ratio: int) -> np.ndarray:
    """The filter [2 * reach * ratio + 1] at the high rate; its sum is about the ratio."""
    half = reach * ratio
    sinc = np.sinc(rolloff * np.arange(-half, half + 1) / ratio)
    return rolloff * sinc * np.kaiser(2 * half + 1, kaiser_beta)


@functools.lru_cache
def _kernel(sinc: WindowedSinc, ratio: int) -> tuple[np.ndarray, np.ndarray]:
    """Convolution kernel [2 * reach + 1, 1, ratio], split for float16."""
    taps = kaiser_sinc(sinc.reach, sinc.kaiser_beta, sinc.rolloff, ratio)
    if sinc.unit_gain:
        taps = taps * ratio / np.sum(taps)
    # Output ratio * t + p takes input t + k by the tap at p - ratio * k.
    padded = np.pad(taps, (0, ratio - 1))
    kernel = padded.reshape(2 * sinc.reach + 1, ratio)[::-1]
    return split_float16(kernel[:, np.newaxis])
