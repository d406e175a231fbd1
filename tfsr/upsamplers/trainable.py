"""What trains: losses, the updates of a step, and the step."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers import random

Batch = dict[str, tf.Tensor]
"""{"low": [batch, time], "high": [batch, ratio * time], "seed": int32 [batch, 2]}"""

Pair = tuple[tf.Tensor, tf.Tensor]
"""(low, high) of a data set of the user's, shapes as in `Batch`"""

Losses = dict[str, tf.Tensor]
"""name -> the loss of each example, [batch]"""


class Update(NamedTuple):
    """One change of weights within a training step, on a batch of its own.

    Attributes:
        losses_for: (batch, training) -> losses.
        loss: which of them is minimised.
        optimizer: takes the step.
        variables: what it changes.
    """

    losses_for: Callable[[Batch, bool], Losses]
    loss: str
    optimizer: keras.optimizers.Optimizer
    variables: Sequence[tf.Variable]


class Trainable(keras.Model):
    """A network, or several, with an objective.

    A subclass gives `loss_names` and `losses_for`; those that train more than one network give
    `updates` too.

    Attributes:
        loss_names: the losses that are logged; the first is "loss", the one that is minimised.
        patch: output samples that training patches must have; None where any number will do.
        adapt_batches: how many training batches `adapt` wants to see before the first step.
    """

    loss_names: tuple[str, ...] = ("loss",)
    patch: int | None = None
    adapt_batches: int = 0

    def __init__(
        self, optimizer: keras.optimizers.Optimizer | None = None, name: str | None = None
    ):
        # Signals stay float32 in mixed precision too; networks cast them.
        super().__init__(name=name, autocast=False)
        self._training_optimizer = optimizer or keras.optimizers.Adam(1e-4)

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        """Each loss of `loss_names` for each example of the batch, shape [batch]."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to train")

    @property
    def updates(self) -> Sequence[Update]:
        """What a training step does, in this order, each on a batch of its own."""
        return [Update(self.losses_for, "loss", self._training_optimizer, self.trainable_variables)]

    @property
    def batches_per_step(self) -> int:
        """`train_step` wants so many batches, as one batch that is so many times as large."""
        return len(self.updates)

    def adapt(self, batches: Iterable[Batch]) -> None:
        """Set what is computed from data and not trained (means, say) before the first step.

        Called once in a run, with `adapt_batches` training batches. What is set must be weights,
        so that checkpoints hold it.
        """

    def compile(self, *given: Any, **named: Any) -> None:
        """Make ready for `fit`: the weights exist, the optimizers were given at construction.

        The optimizers' variables are made too, so that a checkpoint can be restored into them.

        Raises:
            UserError: something is given, for losses and optimizer belong to the constructor.
        """
        if given or named:
            raise UserError(
                f"compile: takes no {', '.join(named) or 'arguments'}; give losses and optimizer "
                f"to {type(self).__name__}(...) itself"
            )
        # An idle one for Keras: at the end of each `fit` it would put moving averages in the place
        # of the weights that training goes on with.
        super().compile(optimizer=keras.optimizers.SGD(0.0))
        for update in self.updates:
            update.optimizer.build(update.variables)
        # The trackers are means over all replicas already; Keras would add up those of workers.
        self.distribute_reduction_method = "first"
        self._gradient_functions = {}
        self._trackers = {name: keras.metrics.Mean(name=name) for name in self.loss_names}

    @property
    def averages_weights(self) -> bool:
        """Whether an optimizer keeps moving averages of the weights (`use_ema=True`)."""
        return any(_averages(update.optimizer) for update in self.updates)

    def take_averages(self) -> None:
        """Put the moving averages in the place of the weights; for use, not for more training."""
        for update in self.updates:
            if _averages(update.optimizer):
                update.optimizer.finalize_variable_values(update.variables)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    # Nothing in a step needs AutoGraph, which would take a third of the time to trace it.
    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Batch | Pair) -> Losses:
        """A step of `fit`, on a batch of the pipeline or on a pair (low, high)."""
        batch = self._batch(data)
        for number, update in enumerate(self.updates):
            # Every so manieth example, so that any number of replicas makes the same batches.
            part = {key: value[number :: self.batches_per_step] for key, value in batch.items()}
            results = self.track(self._minimize(update, part))
        return results

    @tf.autograph.experimental.do_not_convert
    def test_step(self, data: Batch | Pair) -> Losses:
        return self.track(_seeded(self.losses_for, self._batch(data), training=False))

    def _batch(self, data: Batch | Pair) -> Batch:
        """A pair as a batch of the pipeline; what is random follows from the step."""
        if isinstance(data, dict):
            return data
        low, high = data
        self._check_pair(low, high)
        examples = tf.range(tf.shape(low)[0])
        step = tf.cast(self.updates[0].optimizer.iterations, tf.int32)
        seed = tf.stack([tf.fill(tf.shape(examples), step), examples], axis=1)
        return {"low": low, "high": high, "seed": seed}

    def _check_pair(self, low: tf.Tensor, high: tf.Tensor) -> None:
        shapes = low.shape, high.shape
        if any(shape.rank != 2 for shape in shapes):
            raise UserError(f"fit: has shapes {shapes[0]} and {shapes[1]}; give [batch, time] each")
        times = [shape[1] for shape in shapes]
        if None not in times and times[1] != self.ratio * times[0]:
            raise UserError(
                f"fit: high has {times[1]} samples beside {times[0]} of low; give {self.ratio} "
                "times as many"
            )
        parts, batch = self.batches_per_step, low.shape[0]
        if batch is not None and batch % parts:
            raise UserError(
                f"fit: a batch has {batch} examples, which {parts} updates share; give a multiple "
                f"of {parts} (drop_remainder=True)"
            )

    def track(self, losses: Losses) -> Losses:
        """Add per-example losses to the running means and return all of these."""
        for name, values in losses.items():
            self._trackers[name].update_state(values)
        return {name: tracker.result() for name, tracker in self._trackers.items()}

    @staticmethod
    def global_mean(per_example: tf.Tensor) -> tf.Tensor:
        """This replica's part of the mean over the global batch (training batches are full)."""
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        return tf.reduce_mean(per_example) / replicas

    def _minimize(self, update: Update, batch: Batch) -> Losses:
        losses, gradients = self._gradient_function(update)(batch)
        self._apply(update, gradients)
        return losses

    def _apply(self, update: Update, gradients: Sequence[tf.Tensor]) -> None:
        update.optimizer.apply_gradients(zip(gradients, update.variables, strict=True))

    def _gradient_function(self, update: Update) -> Callable:
        """`_losses_and_gradients` as a graph, so that a repeated update is traced once.

        The optimizer stays outside, because replicas meet there and cannot meet in a function.
        """
        if update.loss not in self._gradient_functions:
            self._gradient_functions[update.loss] = tf.function(
                lambda batch: self._losses_and_gradients(update, batch), autograph=False
            )
        return self._gradient_functions[update.loss]

    def _losses_and_gradients(self, update: Update, batch: Batch) -> tuple[Losses, list[tf.Tensor]]:
        scaled, unscaled = loss_scaling(update.optimizer)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(update.variables)
            losses = _seeded(update.losses_for, batch, training=True)
            objective = scaled(self.global_mean(losses[update.loss]))
        return losses, unscaled(tape.gradient(objective, update.variables))


def loss_scaling(optimizer: keras.optimizers.Optimizer) -> tuple[Callable, Callable]:
    """What is done with a loss before it is differentiated, and then with the list of gradients.

    In half precision small gradients would be lost; elsewhere nothing is done.
    """
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        return optimizer.get_scaled_loss, optimizer.get_unscaled_gradients
    return tf.identity, list


def with_total(losses: Losses, weights: Mapping[str, float] | None = None) -> Losses:
    """The losses and, as "loss", their sum; those without a weight count once."""
    weighted = [(weights or {}).get(name, 1.0) * loss for name, loss in losses.items()]
    return {"loss": tf.add_n(weighted), **losses}


def _seeded(losses_for: Callable[[Batch, bool], Losses], batch: Batch, training: bool) -> Losses:
    """The losses, with every random draw of the layers a function of the batch's seed."""
    with random.seeded(batch["seed"][0]):
        return losses_for(batch, training)


def _averages(optimizer: keras.optimizers.Optimizer) -> bool:
    return getattr(optimizer, "use_ema", False)
