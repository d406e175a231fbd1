"""Interpolation as an upsampler: the baselines for all learned systems."""

from collections.abc import Sequence

import tensorflow as tf

from tfsr.signal.interpolation import Interpolates, Spline
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.update import Update


class Interpolation(Upsampler):
    """Spline, linear or flat interpolation, without weights.

    Args:
        input_rate, output_rate: Hz.
        interpolation: one of `tfsr.signal.interpolation`.
    """

    def __init__(self, input_rate: int, output_rate: int, interpolation: Interpolates = Spline()):
        super().__init__(input_rate, output_rate)
        self.interpolation = interpolation
        self.receptive_field = interpolation.reach

    @property
    def updates(self) -> Sequence[Update]:
        return []

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.interpolation(low, self.ratio)
