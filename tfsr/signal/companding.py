"""Companding: loud samples closer together and quiet ones farther apart, before quantisation.

What a telephone line does to a sound (ITU-T G.711) and how WaveNet makes a classification of the
next sample (van den Oord et al. 2016). All functions take and give NumPy arrays or TensorFlow
tensors, float32 or float64 of any shape, element by element.
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
        mu: > 0, the slope at 0 is mu / ln(1 + mu). 255 in G.711, which has 15 straight pieces in
            the place of the curve, and in WaveNet; 256 in WSRGlow.
    """

    mu: float = 255.0

    def __call__(self, x: Samples) -> Samples:
        math = _math(x)
        return math.sign(x) * math.log(1 + self.mu * math.abs(x)) / np.log1p(self.mu).item()

    def expand(self, y: Samples) -> Samples:
        """The x that is companded to `y`."""
        math = _math(y)
        return math.sign(y) * math.expm1(math.abs(y) * np.log1p(self.mu).item()) / self.mu


def sign_only(x: Samples) -> Samples:
    """-1, 0 or 1: where a code takes the sign before the logarithm, as that of WSRGlow does."""
    return _math(x).sign(x)


def quantize(y: Samples, levels: int = 256) -> Samples:
    """Codes of equal intervals: floor((y + 1) / 2 * levels), from 0 to levels - 1.

    Args:
        y: in [-1, 1]; what lies outside gets the first or last code. 0 gets levels / 2.
        levels: even number of codes.

    Returns:
        Whole numbers in the type of `y`.
    """
    math = _math(y)
    codes = math.floor((y + 1) * (levels / 2))
    return math.minimum(math.maximum(codes, 0), levels - 1)


def dequantize(codes: Samples, levels: int = 256) -> Samples:
    """The middle of the interval that has the code.

    Args:
        codes: whole numbers from 0 to levels - 1 in a floating-point type.
        levels: as in `quantize`.
    """
    return (codes + 0.5) * (2 / levels) - 1


def _math(x: Samples) -> types.ModuleType:
    return tf.math if tf.is_tensor(x) else np
