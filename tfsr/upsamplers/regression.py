"""A network trained to approximate the high-rate signal: AudioUNet, AudioEDSR, MU-GAN."""

import functools
import math
from collections.abc import Mapping

import tensorflow as tf
import tf_keras as keras

from tfsr.losses.waveform_distances import l2, rmse
from tfsr.signal.interpolation import Interpolates, Spline
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.base import check_ratio
from tfsr.upsamplers.reconstruction import Loss, Reconstruction
from tfsr.upsamplers.update import Batch


class Regression(Reconstruction):
    """Interpolate, then let the network add the missing band.

    Args:
        network: [batch, time, 1] -> [batch, network.ratio * time, 1]; has `hop` and
            `receptive_field` in samples of its input. After an interpolation its ratio is 1;
            without one it is the ratio of the rates.
        input_rate, output_rate: Hz.
        losses: name -> function (high, estimate), both [batch, time], -> [batch].
        weights: name -> weight of that loss in the minimised sum; 1 where not given.
        features: a network that is not trained here, with a function `encode`: [batch, time, 1] ->
            [batch, frames, channels]. It adds the loss "features": the mean square distance
            between the features of high and estimate (Kim & Sathe 2019).
        interpolation: brings the low-rate signal to the output rate; None: the network does it
            itself.
        optimizer: the paper's Adam with 1e-4 unless given.
        adversarial: discriminators, such as those of AudioUNetGAN (King et al. 2021) and MU-GAN
            (Kim & Sathe 2019); None: there are none.

    Raises:
        UserError: the network's ratio does not fit the rates.
    """

    training_only = Reconstruction.training_only | {"losses": {}, "features": None}

    def __init__(
        self,
        network: keras.Model,
        input_rate: int,
        output_rate: int,
        losses: Mapping[str, Loss] | None = None,
        weights: Mapping[str, float] | None = None,
        features: keras.Model | None = None,
        interpolation: Interpolates | None = Spline(),
        optimizer: keras.optimizers.Optimizer | None = None,
        adversarial: Adversarial | None = None,
    ):
        losses = {"rmse": rmse} if losses is None else dict(losses)
        if features is not None:
            features.trainable = False
            losses["features"] = functools.partial(_feature_distance, features)
        super().__init__(input_rate, output_rate, losses, weights, adversarial, optimizer)
        self.network = network
        self.interpolation = interpolation
        self.features = features
        rate_inside = self.ratio if interpolation else 1
        advice = ", and interpolation=None if it starts from the low rate"
        check_ratio(network, self.ratio // rate_inside, advice)
        self.hop = math.lcm(network.hop, rate_inside) // rate_inside
        self.receptive_field = math.ceil(network.receptive_field / rate_inside) + (
            interpolation.reach if interpolation else 0
        )

    def initialize_network(self) -> None:
        super().initialize_network()
        if self.features is not None:
            self.features(tf.zeros([1, self.features.hop, 1]))

    def widened(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        x = self.interpolation(low, self.ratio) if self.interpolation else low
        return tf.squeeze(self.network(tf.expand_dims(x, -1), training=training), axis=-1)

    def given(self, batch: Batch) -> tf.Tensor:
        return (self.interpolation or Spline())(batch["low"], self.ratio)


def _feature_distance(features: keras.Model, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    codes = [features.encode(tf.expand_dims(x, -1)) for x in (high, estimate)]
    return l2(*(tf.reshape(code, [tf.shape(high)[0], -1]) for code in codes))
