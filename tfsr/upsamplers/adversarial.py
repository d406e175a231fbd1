"""A network trained against a critic: AudioUNetGAN (King et al. 2021), MU-GAN (Kim, Sathe 2019)."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.random import next_seed
from tfsr.losses.adversarial import CrossEntropy, Wasserstein
from tfsr.signal.interpolation import Spline
from tfsr.upsamplers.judged import Loss
from tfsr.upsamplers.regression import Regression
from tfsr.upsamplers.trainable import Batch, Losses, Update, with_total


class Adversarial(Regression):
    """Regression, with the judgement of a critic that is trained at the same time.

    Args:
        network, input_rate, output_rate, losses, weights, features, interpolation, optimizer: as
            in `Regression`. The weight of the "adversarial" loss is 0.001 where not given, as in
            both papers' programs; `losses={}` with a weight of 1 is the objective that King et
            al. print, the critic's judgement alone.
        critic: [batch, time, channels] -> scores [batch]; `samples` is the time that it is made
            for, or None. The interpolated input is its second channel where it is `conditional`.
        objective: one of `tfsr.losses.adversarial`'s.
        critic_updates: of the critic in a step, each on a batch of its own, before the network's.
        adversarial_start: the step from which on the network minds the critic, which learns from
            the beginning.
        conditional: show the critic what the network was given.
        critic_optimizer: Adam with 1e-4 unless given.
    """

    def __init__(
        self,
        network: keras.Model,
        critic: keras.Model,
        input_rate: int,
        output_rate: int,
        objective: Wasserstein | CrossEntropy = Wasserstein(),
        losses: Mapping[str, Loss] | None = None,
        weights: Mapping[str, float] | None = None,
        features: keras.Model | None = None,
        critic_updates: int = 5,
        adversarial_start: int = 0,
        conditional: bool = False,
        interpolation: Callable | None = Spline(),
        optimizer: keras.optimizers.Optimizer | None = None,
        critic_optimizer: keras.optimizers.Optimizer | None = None,
    ):
        weights = {"adversarial": 0.001} | dict(weights or {})
        super().__init__(
            network,
            input_rate,
            output_rate,
            losses,
            weights,
            features,
            interpolation,
            optimizer,
        )
        self.critic = critic
        self.conditional = conditional
        self.patch = critic.samples
        self._objective = objective
        self._critic_updates = critic_updates
        self._adversarial_start = adversarial_start
        self._critic_optimizer = critic_optimizer or keras.optimizers.Adam(1e-4)
        self.loss_names = (*self.loss_names, "adversarial", *objective.critic_names)

    @property
    def updates(self) -> Sequence[Update]:
        critic = Update(
            self._critic_losses,
            self._objective.critic_names[0],
            self._critic_optimizer,
            self.critic.trainable_variables,
        )
        network = Update(
            self._network_losses,
            "loss",
            self._training_optimizer,
            self.network.trainable_variables,
        )
        return [*[critic] * self._critic_updates, network]

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        return self._network_losses(batch, training) | self._critic_losses(batch, training)

    def initialize(self) -> None:
        super().initialize()
        self.critic(tf.zeros([1, self.critic.samples or 1, 2 if self.conditional else 1]))

    def _network_losses(self, batch: Batch, training: bool) -> Losses:
        estimate = self.estimate(batch, training)
        scores = self._critic_of(batch["low"], training)(tf.expand_dims(estimate, -1))
        minded = tf.cast(self._training_optimizer.iterations >= self._adversarial_start, tf.float32)
        distances = self.distances(batch, estimate)
        adversarial = minded * self._objective.for_network(scores)
        return with_total(distances | {"adversarial": adversarial}, self._weights)

    def _critic_losses(self, batch: Batch, training: bool) -> Losses:
        fake = tf.expand_dims(self.estimate(batch, training), -1)
        real = tf.expand_dims(batch["high"], -1)
        critic = self._critic_of(batch["low"], training)
        return self._objective.for_critic(critic, real, fake, next_seed())

    def _critic_of(self, low: tf.Tensor, training: bool) -> Callable[[tf.Tensor], tf.Tensor]:
        """The critic as a function of the waveforms [batch, time, 1] that belong to `low`."""
        if not self.conditional:
            return lambda waveforms: self.critic(waveforms, training=training)
        given = tf.expand_dims((self.interpolation or Spline())(low, self.ratio), -1)
        return lambda waveforms: self.critic(
            tf.concat([waveforms, given], axis=-1), training=training
        )
