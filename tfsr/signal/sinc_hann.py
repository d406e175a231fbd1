"""Convert between sampling rates with a short windowed sinc, as torchaudio does by default.

Low- and high-rate signals of AP-BWE (Lu, Ai, Du & Ling 2024) are made like this. The filter is a
sinc under a Hann window, which falls to zero within six zero crossings of the sinc. (To be exact,
the window is the square of a cosine.) Its cut-off is at 99 % of the lower Nyquist frequency.
Signals are surrounded by zeros.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import scipy.signal
import tensorflow as tf

from tfsr.signal.float16_split import split_float16
from tfsr.signal.interpolation import convolved, interleave

_ZERO_CROSSINGS = 6
_ROLLOFF = 0.99

# Input samples on each side that an output sample at a higher rate depends on.
_REACH = math.ceil(_ZERO_CROSSINGS / _ROLLOFF)


def sinc_hann(x: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """`x` at another rate, in numpy.

    Args:
        x: [time], any time >= 1.
        from_rate, to_rate: Hz, any two.

    Returns:
        float64 [ceil(time * to_rate / from_rate)]; sample t is at the place of sample
        t * from_rate / to_rate of `x`.
    """
    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    x = np.asarray(x, np.float64)
    if up == down:
        return x
    return scipy.signal.resample_poly(x, up, down, window=_taps(up, down))


@functools.lru_cache
def _taps(up: int, down: int) -> np.ndarray:
    """The filter at `up` times the first rate; `resample_poly` raises its gain by `up`."""
    cutoff = _ROLLOFF * min(up, down) / (up * down)
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    return cutoff * _kernel(cutoff * np.arange(-half, half + 1))


@dataclass(frozen=True)
class SincHann:
    """`sinc_hann` to a multiple of the rate, as one of `tfsr.signal.interpolation`.

    Unlike most of these it does not keep the input samples.
    """

    @property
    def reach(self) -> int:
        return _REACH

    def __call__(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        if ratio == 1:
            return low
        extended = tf.pad(low, [[0, 0], [_REACH, _REACH]])
        return interleave(convolved(extended, _phases(ratio)))


@functools.lru_cache
def _phases(ratio: int) -> tuple[np.ndarray, np.ndarray]:
    """Convolution kernel [taps, 1, ratio], a filter for each output phase, split for float16."""
    samples = np.arange(-_REACH, _REACH + 1)[:, np.newaxis, np.newaxis]
    return split_float16(_ROLLOFF * _kernel(_ROLLOFF * (samples - np.arange(ratio) / ratio)))


def _kernel(t: np.ndarray) -> np.ndarray:
    """The filter at `t` zero crossings from its middle."""
    t = np.clip(t, -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    return np.sinc(t) * np.cos(np.pi * t / (2 * _ZERO_CROSSINGS)) ** 2
