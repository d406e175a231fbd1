"""A network trained to come near the high-rate signal: AudioUNet, AudioEDSR and their like."""

import math
from collections.abc import Callable, Mapping

import tensorflow as tf
import tf_keras as keras

from tfsr.losses.regression import rmse
from tfsr.signal.interpolation import Spline
from tfsr.upsamplers.base import Batch, Upsampler

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Regression(Upsampler):
    """Interpolate, then let the network add what is missing.

    Args:
        network: [batch, time, 1] -> [batch, time, 1] after `interpolation`, or with
            `interpolation=None` [batch, time, 1] -> [batch, ratio * time, 1]; has `hop` and
            `receptive_field` in samples of its input.
        input_rate, output_rate: Hz.
        losses: name -> function of (high, estimate), both [batch, time], that gives [batch].
        weights: name -> weight of that loss in the sum that is minimised; 1 where not given.
        interpolation: brings the low-rate signal to the output rate; None for a network that
            does it itself.
        optimizer: the paper's Adam with 1e-4 unless given.
    """

    def __init__(
        self,
        network: keras.Model,
        input_rate: int,
        output_rate: int,
        losses: Mapping[str, Loss] | None = None,
        weights: Mapping[str, float] | None = None,
        interpolation: Callable | None = Spline(),
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(input_rate, output_rate, optimizer or keras.optimizers.Adam(1e-4))
        self.network = network
        self.interpolation = interpolation
        self._losses = dict(losses or {"rmse": rmse})
        self._weights = dict(weights or {})
        self.loss_names = ("loss", *self._losses)
        rate_inside = self.ratio if interpolation else 1
        self.hop = math.lcm(network.hop, rate_inside) // rate_inside
        self.receptive_field = math.ceil(network.receptive_field / rate_inside) + (
            interpolation.reach if interpolation else 0
        )

    def losses_for(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        estimate = self._estimate(batch["low"], training)
        losses = {name: loss(batch["high"], estimate) for name, loss in self._losses.items()}
        total = tf.add_n([self._weights.get(name, 1.0) * loss for name, loss in losses.items()])
        return {"loss": total, **losses}

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._estimate(low, training=False)

    def _estimate(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        x = self.interpolation(low, self.ratio) if self.interpolation else low
        return tf.squeeze(self.network(tf.expand_dims(x, -1), training=training), axis=-1)
