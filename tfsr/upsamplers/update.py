"""One change of weights within a training step: its loss, its optimizer and its first step."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

import tensorflow as tf
import tf_keras as keras

from tfsr.layers import random

Batch = dict[str, tf.Tensor]
"""{"low": [batch, time], "high": [batch, ratio * time], "seed": int32 [batch, 2]}"""

Losses = dict[str, tf.Tensor]
"""name -> the loss of each example, [batch]"""

Gradients = list[tf.Tensor]

_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True, eq=False)
class Update:
    """One change of weights within a training step, on a batch of its own.

    Args:
        name: the part whose weights it changes, such as "network" or "discriminators".
        loss_names: names of the losses from `losses_for`; the first is minimised.
        losses_for: (batch, training) -> losses; a repeated call gives the same.
        optimizer: takes the step.
        variables: the variables that it changes.
        begun: whether the update is active, a scalar boolean tensor. Before that the losses are 0,
            and the weights stay as they are, even with weight decay. None: it is active from the
            first step on.
        clipped: maps the gradients, summed over all replicas, to those of the step. None: they are
            used unchanged.
    """

    name: str
    loss_names: Sequence[str]
    losses_for: Callable[[Batch, bool], Losses]
    optimizer: keras.optimizers.Optimizer
    variables: Sequence[tf.Variable]
    begun: Callable[[], tf.Tensor] | None = None
    clipped: Callable[[Gradients], Gradients] | None = None

    def step(self, batch: Batch) -> Losses:
        """Change the weights, and return the losses before the change."""
        losses, gradients = self._graph(batch)
        self._apply(gradients)
        return losses

    def losses(self, batch: Batch, training: bool) -> Losses:
        """The losses, without a change of weights."""
        losses = functools.partial(self.losses_for, batch, training)
        return once(self.begun, losses, functools.partial(self._none, batch))

    def losses_and_gradients(self, batch: Batch) -> tuple[Losses, Gradients]:
        """The gradients are this replica's part of the global batch's mean gradient."""
        # To differentiate a condition takes minutes to trace: it is the other way round.
        return once(
            self.begun,
            lambda: self._differentiated(batch),
            lambda: (self._none(batch), [tf.zeros_like(variable) for variable in self.variables]),
        )

    @functools.cached_property
    def _graph(self) -> Callable:
        """The graph traced once for all steps. The optimizer is outside: replicas meet in it."""
        return tf.function(self.losses_and_gradients, autograph=False)

    def _differentiated(self, batch: Batch) -> tuple[Losses, Gradients]:
        def losses_of_batch() -> Losses:
            with seeded(batch):
                return self.losses_for(batch, True)

        def minimised(losses: Losses) -> tf.Tensor:
            return global_mean(losses[self.loss_names[0]])

        return differentiated(self.optimizer, self.variables, losses_of_batch, minimised)

    def _none(self, batch: Batch) -> Losses:
        return {name: tf.zeros_like(batch["high"][:, 0]) for name in self.loss_names}

    def _apply(self, gradients: Gradients) -> None:
        if self.begun is None and self.clipped is None:
            self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))
            return
        # Replicas cannot meet within a condition, and what is clipped is their sum.
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        context.merge_call(self._apply_merged, args=(gradients,))

    def _apply_merged(self, strategy: tf.distribute.Strategy, gradients: Gradients) -> None:
        def step() -> None:
            strategy.extended.call_for_each_replica(self._apply_summed, args=(gradients,))

        def wait() -> None:
            self.optimizer.iterations.assign_add(1, read_value=False)

        once(self.begun, step, wait)

    def _apply_summed(self, gradients: Gradients) -> None:
        gradients = self.clipped(gradients) if self.clipped else gradients
        pairs = zip(gradients, self.variables, strict=True)
        self.optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)


def once(
    begun: Callable[[], tf.Tensor] | None, do: Callable[[], _Result], rest: Callable[[], _Result]
) -> _Result:
    """`do()` if `begun()` is true in the graph, or is None; else `rest()`."""
    return do() if begun is None else tf.cond(begun(), do, rest)


def seeded(batch: Batch):
    """Within it, every random draw of the layers is a function of the batch's seed."""
    return random.seeded(batch["seed"][0])


def global_mean(per_example: tf.Tensor) -> tf.Tensor:
    """This replica's part of the mean over the global batch (training batches are full)."""
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    return tf.reduce_mean(per_example) / replicas


def differentiated(
    optimizer: keras.optimizers.Optimizer,
    sources: Sequence[tf.Variable | tf.Tensor],
    losses_for: Callable[[], Losses],
    minimised: Callable[[Losses], tf.Tensor],
) -> tuple[Losses, Gradients]:
    """The losses, and the gradient of the minimised function of them with respect to `sources`."""
    scaled, unscaled = _loss_scaling(optimizer)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        losses = losses_for()
        objective = scaled(minimised(losses))
    return losses, unscaled(tape.gradient(objective, sources))


def _loss_scaling(optimizer: keras.optimizers.Optimizer) -> tuple[Callable, Callable]:
    """Two functions: one scales a loss before the gradient, the other unscales the gradients.

    Half precision would lose small gradients; in other precisions the functions do nothing.
    """
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        return optimizer.get_scaled_loss, optimizer.get_unscaled_gradients
    return tf.identity, list
