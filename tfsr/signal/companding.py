"""Companding: quantise quiet samples in finer steps than loud ones.

Telephone lines use it (ITU-T G.711). WaveNet uses it to turn the prediction of the next sample into
a classification (van den Oord et al. 2016). All functions take and return NumPy arrays or
TensorFlow tensors, float32 or float64 of any shape, element by element.
"""

import types
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import tensorflow as tf

Samples: TypeAlias = np.ndarray | tf.Tensor


@dataclass(frozen=True)
class MuLaw:
    """sign(x) * ln(1 + mu * |x|) / ln(1 + mu), from [-1, 1] to [-1, 1].

    Args:
        mu: > 0, the slope at 0 is mu / ln(1 + mu). It is 255 in WaveNet and in G.711, which has 15
            straight pieces instead of the curve. It is 256 in WSRGlow.
    """

    mu: float = 255.0

    def __call__(self, x: Samples) -> Samples:
        math = _math(x)
        return math.sign(x) * math.log(1 + self.mu * math.abs(x)) / np.log1p(self.mu).item()

    def expand(self, y: Samples) -> Samples:
        """The inverse: the x whose companded value is `y`."""
        math = _math(y)
        return math.sign(y) * math.expm1(math.abs(y) * np.log1p(self.mu).item()) / self.mu


def sign_only(x: Samples) -> Samples:
    """-1, 0 or 1. Code that takes the sign before the logarithm, as WSRGlow's does, gives this."""
    return _math(x).sign(x)


def quantize(y: Samples, levels: int = 256) -> Samples:
    """Codes of equal intervals: floor((y + 1) / 2 * levels), from 0 to levels - 1.

    Args:
        y: in [-1, 1]; values outside get the first or last code. 0 gets levels / 2.
        levels: even number of codes.

    Returns:
        Whole numbers in the type of `y`.
    """
    math = _math(y)
    codes = math.floor((y + 1) * (levels / 2))
    return math.minimum(math.maximum(codes, 0), levels - 1)


def dequantize(codes: Samples, levels: int = 256) -> Samples:
    """The middle of each code's interval.

    Args:
        codes: whole numbers from 0 to levels - 1 in a floating-point type.
        levels: as in `quantize`.
    """
    return (codes + 0.5) * (2 / levels) - 1


def _math(x: Samples) -> types.ModuleType:
    return tf.math if tf.is_tensor(x) else np
