"""From the low rate to the high one by a sharp low-pass of linear phase."""

import functools
from dataclasses import dataclass

import numpy as np
import scipy.signal
import tensorflow as tf

from tfsr.signal.float16_split import split_float16
from tfsr.signal.interpolation import convolved, interleave


@dataclass(frozen=True)
class WindowedSinc:
    """Band-limited interpolation: a sinc under a Kaiser window, zeros around the signal.

    Input sample t stays at output sample ratio * t. With the defaults the band up to 0.9 of the
    low Nyquist frequency passes unchanged, and its images are gone, to 1e-5 of the signal. Called
    as the interpolations of `tfsr.signal.interpolation` are; converts to TensorFlow Lite's
    built-in operations.

    Args:
        reach: input samples on each side that an output sample depends on.
        kaiser_beta: of the window; more leaves less of the images, with a wider transition.
    """

    reach: int = 32
    kaiser_beta: float = 10.0

    def __call__(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        return self.inside(tf.pad(low, [[0, 0], [self.reach, self.reach]]), ratio)

    def inside(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        """[batch, time + 2 * reach] -> [batch, ratio * time], without the samples at both ends."""
        return interleave(convolved(low, _kernel(self.reach, self.kaiser_beta, ratio)))


@functools.lru_cache
def _kernel(reach: int, kaiser_beta: float, ratio: int) -> tuple[np.ndarray, np.ndarray]:
    """Convolution kernel [2 * reach + 1, 1, ratio], split for float16."""
    half = reach * ratio
    prototype = np.sinc(np.arange(-half, half + 1) / ratio)
    prototype *= scipy.signal.windows.kaiser(2 * half + 1, kaiser_beta)
    # Output ratio * t + p takes input t + k by the tap at p - ratio * k.
    padded = np.pad(prototype, (0, ratio - 1))
    kernel = padded.reshape(2 * reach + 1, ratio)[::-1]
    return split_float16(kernel[:, np.newaxis])
