"""From the low rate to the high one without learning: cubic spline, linear, flat.

Each is a frozen value, called with `low` and `ratio`. `low` is float32 [batch, time] (any time >=
1, static or not), and `ratio` is a whole number >= 1. The result is float32 [batch, ratio * time].
`reach` is the number of input samples on each side that an output sample depends on. Only
convolution, slicing and element-wise operations are used. So every one converts to TensorFlow
Lite's built-in operations.
"""

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf
from scipy.interpolate import CubicSpline

from tfsr.errors import UserError
from tfsr.signal.float16_split import FINE_SCALE, split_float16

# A sample's weight in the spline falls by 2 - sqrt(3) = 0.268 with each sample of distance; at 20
# it is 4e-12, so that even the cubically growing continuation of "not_a_knot" may end there.
_SPLINE_REACH = 20


class Interpolates(Protocol):
    """The contract of an interpolation, as described above."""

    @property
    def reach(self) -> int:
        """Number of input samples on each side that an output sample depends on."""

    def __call__(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        """float32 [batch, time] -> [batch, ratio * time]."""


@dataclass(frozen=True)
class Spline:
    """The interpolating cubic spline; input sample t stays at output sample ratio * t.

    Kuleshov et al. 2017 interpolate like this before the network. King et al. 2021 use the same
    spline as a baseline.

    Args:
        ends: how the signal continues beyond its ends. "repeat" repeats the first and last sample,
            which keeps the ratio - 1 outputs after the last sample near it. "not_a_knot" continues
            the outermost cubics, as the published codes do (`scipy.interpolate.CubicSpline`).
            Those last outputs can then spike far above the signal. With "not_a_knot", a time
            unknown when the graph is built must be at least 20 when it runs.

    Raises:
        UserError: `ends` is none of these.
    """

    ends: str = "repeat"

    def __post_init__(self):
        if self.ends not in ("repeat", "not_a_knot"):
            raise UserError(f'Spline.ends is "{self.ends}": choose "repeat" or "not_a_knot"')

    @property
    def reach(self) -> int:
        return _SPLINE_REACH

    def __call__(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        if ratio == 1:
            return low
        between = convolved(self._extend(low), _spline_kernel(ratio))
        return interleave(tf.concat([tf.expand_dims(low, -1), between], axis=-1))

    def _extend(self, low: tf.Tensor) -> tf.Tensor:
        """`low`, extended by `reach` samples on both sides."""
        if self.ends == "repeat":
            before = tf.tile(low[:, :1], [1, self.reach])
            after = tf.tile(low[:, -1:], [1, self.reach])
        else:
            samples = min(low.shape[1] or self.reach, self.reach)
            continuation = _continuation(samples)
            before = tf.reverse(low[:, :samples], [1]) @ continuation[:, ::-1]
            after = low[:, -samples:] @ continuation
        return tf.concat([before, low, after], axis=1)


@dataclass(frozen=True)
class Linear:
    """Straight lines between the samples.

    Args:
        half_pixel: False keeps input sample t at output sample ratio * t and holds the last one
            (King et al. 2021). True aligns the centres of the samples. The output is then
            (ratio - 1) / 2 samples later than the high-rate signal (Lee & Han 2021, NU-Wave).
    """

    half_pixel: bool = False

    @property
    def reach(self) -> int:
        return 1

    def __call__(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        shift = (ratio - 1) / 2 if self.half_pixel else 0.0
        offsets = (np.arange(ratio) - shift) / ratio
        following = tf.concat([low[:, 1:], low[:, -1:]], axis=1)
        rise = tf.expand_dims(following - low, -1) * np.float32(np.maximum(offsets, 0))
        phases = tf.expand_dims(low, -1) + rise
        if self.half_pixel:
            previous = tf.concat([low[:, :1], low[:, :-1]], axis=1)
            phases += tf.expand_dims(previous - low, -1) * np.float32(np.maximum(-offsets, 0))
        return interleave(phases)


@dataclass(frozen=True)
class Flat:
    """Each sample repeated `ratio` times (King et al. 2021)."""

    @property
    def reach(self) -> int:
        return 0

    def __call__(self, low: tf.Tensor, ratio: int) -> tf.Tensor:
        return interleave(tf.tile(tf.expand_dims(low, -1), [1, 1, ratio]))


def convolved(x: tf.Tensor, kernel: tuple[np.ndarray, np.ndarray]) -> tf.Tensor:
    """Convolve [batch, time] with a split [taps, 1, filters]: [batch, time - taps + 1, filters]."""
    both = tf.nn.conv1d(tf.expand_dims(x, -1), np.concatenate(kernel, axis=-1), 1, "VALID")
    coarse, fine = tf.split(both, 2, axis=-1)
    return coarse + fine / FINE_SCALE


def interleave(phases: tf.Tensor) -> tf.Tensor:
    """[batch, time, ratio] -> [batch, ratio * time], static if `phases` is."""
    time = phases.shape[1] or tf.shape(phases)[1]
    return tf.reshape(phases, [tf.shape(phases)[0], phases.shape[2] * time])


@functools.lru_cache
def _spline_kernel(ratio: int) -> tuple[np.ndarray, np.ndarray]:
    """Convolution kernel [taps, 1, ratio - 1] for points between the samples, split for float16."""
    positions = np.arange(1, ratio) / ratio
    samples = np.arange(-_SPLINE_REACH, _SPLINE_REACH + 1)
    return split_float16(_cardinal_spline(positions - samples[:, np.newaxis])[:, np.newaxis])


def _cardinal_spline(position: np.ndarray) -> np.ndarray:
    """The cubic spline that is 1 at 0 and 0 at all other whole numbers.

    It is a sum of cubic B-splines at the whole numbers k, weighted by sqrt(3) * (sqrt(3) - 2)^|k|
    (Unser, Aldroubi & Eden 1993, "B-spline signal processing", part I).
    """
    k = np.arange(-2 * _SPLINE_REACH, 2 * _SPLINE_REACH + 1)
    weights = np.sqrt(3) * (np.sqrt(3) - 2) ** np.abs(k)
    distance = np.abs(np.asarray(position)[..., np.newaxis] - k)
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.where(distance < 1, near, far) @ weights


@functools.lru_cache
def _continuation(samples: int) -> np.ndarray:
    """Matrix [samples, reach] from the last samples to the next ones of the not-a-knot spline."""
    if samples == 1:
        return np.ones([1, _SPLINE_REACH], np.float32)
    beyond = np.arange(samples, samples + _SPLINE_REACH)
    spline = CubicSpline(np.arange(samples), np.eye(samples))
    return np.asarray(spline(beyond), np.float32).T
