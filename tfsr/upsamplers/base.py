"""The contract: the one thing that is trained, checkpointed, evaluated, used and exported."""

import tensorflow as tf
import tf_keras as keras

from tfsr.layers import random
from tfsr.signal.resample import whole_ratio

Batch = dict[str, tf.Tensor]
"""{"low": [batch, time], "high": [batch, ratio * time], "seed": int32 [batch, 2]}"""


class Upsampler(keras.Model):
    """A network (or several) plus an objective plus a way to sample.

    A subclass gives `loss_names`, `losses_for` and `upsample`; those that train more than one
    network override `compile` and `train_step` too. Everything around an upsampler speaks only to
    what stands here.

    Attributes:
        input_rate, output_rate: Hz; `ratio` is their quotient, a whole number.
        loss_names: the losses that are logged; the first is "loss", the one that is minimised.
        noise_steps: how many draws of noise `upsample` wants (0: it is deterministic).
        receptive_field: input samples on each side that an output sample depends on; None where
            it is unbounded.
        hop: chunks of a long signal start at multiples of so many input samples.
    """

    loss_names: tuple[str, ...] = ("loss",)
    noise_steps: int = 0
    receptive_field: int | None = None
    hop: int = 1

    def __init__(
        self,
        input_rate: int,
        output_rate: int,
        optimizer: keras.optimizers.Optimizer | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.input_rate = input_rate
        self.output_rate = output_rate
        self.ratio = whole_ratio(output_rate, input_rate)
        self._training_optimizer = optimizer

    def losses_for(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        """Each loss of `loss_names` for each example of the batch, shape [batch]."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to train")

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Widen the band of `low`.

        Args:
            low: float32 [batch, time] at `input_rate`, any time >= 1.
            noise: float32 [noise_steps, batch, ratio * time], standard normal; not needed where
                `noise_steps` is 0. Noise is an argument so that results repeat, chunks agree with
                the whole and an exported graph needs no random operation.

        Returns:
            float32 [batch, ratio * time] at `output_rate`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not upsample")

    def call(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.upsample(low, noise)

    def initialize(self) -> None:
        """Create every weight, so that they can be counted, restored and exported."""
        low = tf.zeros([1, self.hop])
        self(low, tf.zeros([self.noise_steps, 1, self.hop * self.ratio]))

    def compile(self) -> None:
        """Make ready for `fit`: the weights exist, the optimizer was given at construction.

        The optimizer's variables are made too, so that a checkpoint can be restored into them.
        """
        super().compile(optimizer=self._training_optimizer)
        self.optimizer.build(self.trainable_variables)
        # The trackers are means over all replicas already; Keras would add up those of workers.
        self.distribute_reduction_method = "first"
        self._trackers = {name: keras.metrics.Mean(name=name) for name in self.loss_names}

    @property
    def averages_weights(self) -> bool:
        """Whether the optimizer keeps moving averages of the weights (`use_ema=True`)."""
        return getattr(self._training_optimizer, "use_ema", False)

    def take_averages(self) -> None:
        """Put the moving averages in the place of the weights; for use, not for more training."""
        self.optimizer.finalize_variable_values(self.trainable_variables)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            losses = self._seeded_losses(batch, training=True)
            objective = self.global_mean(losses["loss"])
            scaled = self.optimizer.get_scaled_loss(objective) if self._scales_loss else objective
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        if self._scales_loss:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.track(losses)

    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        return self.track(self._seeded_losses(batch, training=False))

    def track(self, losses: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Add per-example losses to the running means and return these."""
        for name, values in losses.items():
            self._trackers[name].update_state(values)
        return {name: tracker.result() for name, tracker in self._trackers.items()}

    @staticmethod
    def global_mean(per_example: tf.Tensor) -> tf.Tensor:
        """This replica's part of the mean over the global batch (training batches are full)."""
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        return tf.reduce_mean(per_example) / replicas

    def _seeded_losses(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        """The losses, with every random draw of the layers a function of the batch's seed."""
        with random.seeded(batch["seed"][0]):
            return self.losses_for(batch, training)

    @property
    def _scales_loss(self) -> bool:
        return isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)
