"""What trains: losses, the updates of a step, and the step."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.upsamplers.optimizers import check_optimizer
from tfsr.upsamplers.update import Batch, Losses, Update, seeded

Pair = tuple[tf.Tensor, tf.Tensor]
"""(low, high) of a data set of the user's, shapes as in `Batch`"""


class Trainable(Describable, keras.Model):
    """A network, or several, with an objective.

    A subclass gives `loss_names` and `losses_for`; those that train more than one network give
    `updates` too.

    Attributes:
        loss_names: the losses that are logged; the first is "loss", the one that is minimised.
        patch: output samples that training patches must have; None where any number will do.
        adapt_batches: how many training batches `adapt` wants to see before the first step.
        training_only: argument -> the description that stands for it in a model which is opened
            for upsampling alone, see `tfsr.description`.
    """

    loss_names: tuple[str, ...] = ("loss",)
    patch: int | None = None
    adapt_batches: int = 0
    training_only: dict[str, Any] = {"optimizer": None}

    def __init__(
        self, optimizer: keras.optimizers.Optimizer | None = None, name: str | None = None
    ):
        # Signals stay float32 in mixed precision too; networks cast them.
        super().__init__(name=name, autocast=False)
        self._trackers: dict[str, keras.metrics.Metric] = {}  # none before `compile`
        self._training_optimizer = optimizer or keras.optimizers.Adam(1e-4)
        check_optimizer(self._training_optimizer)

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        """Each loss of `loss_names` for each example of the batch, shape [batch]."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to train")

    @property
    def updates(self) -> Sequence[Update]:
        """What a training step does, in this order, each on a batch of its own.

        One that is done several times in a step is there several times.
        """
        optimizer, variables = self._training_optimizer, self.trainable_variables
        return [Update("network", self.loss_names, self.losses_for, optimizer, variables)]

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
        """Make ready for `fit`; losses and optimizers were given at construction.

        Weights are created where there are none yet, and the optimizers' variables, so that a
        checkpoint can be restored into them.

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
        if not all(update.variables for update in self.updates):
            self.initialize()
        self._compiled = _Compiled(self.updates)
        for update in dict.fromkeys(self._compiled.updates):
            update.optimizer.build(update.variables)
        # The trackers are means over all replicas already; Keras would add up those of workers.
        self.distribute_reduction_method = "first"
        self._trackers = {name: keras.metrics.Mean(name=name) for name in self.loss_names}

    @property
    def averages_weights(self) -> bool:
        """Whether an optimizer keeps moving averages of the weights (`use_ema=True`)."""
        return any(_averages(update.optimizer) for update in self.updates)

    def begin_averages(self) -> None:
        """Let the moving averages begin at the weights, which may be those of another run."""
        for update in self.updates:
            if _averages(update.optimizer):
                averages = update.optimizer._model_variables_moving_average
                for average, variable in zip(averages, update.variables, strict=True):
                    average.assign(variable)

    def take_averages(self) -> None:
        """Put the moving averages in the place of the weights; for use, not for more training."""
        for update in self.updates:
            if _averages(update.optimizer):
                update.optimizer.finalize_variable_values(update.variables)

    @contextlib.contextmanager
    def averages(self) -> Iterator[None]:
        """Within it, the weights are the moving averages where these are kept."""
        changed = [v for u in self.updates if _averages(u.optimizer) for v in u.variables]
        with kept(changed):
            self.take_averages()
            yield

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    # Nothing in a step needs AutoGraph, which would take a third of the time to trace it.
    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Batch | Pair) -> Losses:
        """A step of `fit`, on a batch of the pipeline or on a pair (low, high)."""
        updates = self._compiled.updates
        batch = self._batch(data, len(updates))
        for number, update in enumerate(updates):
            # Every so manieth example, so that any number of replicas makes the same batches.
            part = {key: value[number :: len(updates)] for key, value in batch.items()}
            results = self.track(update.step(part))
        return results

    @tf.autograph.experimental.do_not_convert
    def test_step(self, data: Batch | Pair) -> Losses:
        return self.track(self.all_losses(self._batch(data, 1), training=False))

    def all_losses(self, batch: Batch, training: bool) -> Losses:
        """The losses of all updates, all of the same batch: name -> [batch]."""
        losses: Losses = {}
        with seeded(batch):
            # The network's first, as if it were alone.
            for update in reversed(list(dict.fromkeys(self.updates))):
                losses |= update.losses(batch, training)
        return losses

    def _batch(self, data: Batch | Pair, parts: int) -> Batch:
        """A pair as a batch of the pipeline; what is random follows from the step.

        Args:
            data: as `fit` gives it.
            parts: that it must be divisible into.
        """
        if isinstance(data, dict):
            return data
        low, high = data
        self._check_pair(low, high, parts)
        tf.debugging.assert_equal(
            *(tf.shape(high)[1], self.ratio * tf.shape(low)[1]),
            f"fit: high must have {self.ratio} times as many samples as low",
        )
        tf.debugging.assert_equal(tf.shape(low)[0] % parts, 0, _indivisible("other", parts))
        examples = tf.range(tf.shape(low)[0])
        step = tf.cast(self._compiled.updates[0].optimizer.iterations, tf.int32)
        seed = tf.stack([tf.fill(tf.shape(examples), step), examples], axis=1)
        return {"low": low, "high": high, "seed": seed}

    def _check_pair(self, low: tf.Tensor, high: tf.Tensor, parts: int) -> None:
        shapes = low.shape, high.shape
        if any(shape.rank != 2 for shape in shapes):
            raise UserError(f"fit: has shapes {shapes[0]} and {shapes[1]}; give [batch, time] each")
        times = [shape[1] for shape in shapes]
        if None not in times and times[1] != self.ratio * times[0]:
            raise UserError(
                f"fit: high has {times[1]} samples beside {times[0]} of low; give {self.ratio} "
                "times as many"
            )
        batch = low.shape[0]
        if batch is not None and batch % parts:
            raise UserError(_indivisible(batch, parts))

    def track(self, losses: Losses) -> Losses:
        """Add per-example losses to the running means and return all of these."""
        for name, values in losses.items():
            self._trackers[name].update_state(values)
        return {name: tracker.result() for name, tracker in self._trackers.items()}


@contextlib.contextmanager
def kept(variables: Sequence[tf.Variable]) -> Iterator[None]:
    """Whatever happens to the variables within, they have their values again after it."""
    values = [tf.identity(variable) for variable in variables]
    yield
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class _Compiled:
    """What `compile` found; an object, for Keras looks for weights in a list."""

    def __init__(self, updates: Sequence[Update]):
        self.updates = tuple(updates)


def _indivisible(batch: int | str, parts: int) -> str:
    return (
        f"fit: a batch has {batch} examples, which {parts} updates share; give a multiple of "
        f"{parts} (drop_remainder=True)"
    )


def with_total(losses: Losses, weights: Mapping[str, float] | None = None) -> Losses:
    """The losses and, as "loss", their sum; those without a weight count once."""
    weighted = [(weights or {}).get(name, 1.0) * loss for name, loss in losses.items()]
    return {"loss": tf.add_n(weighted), **losses}


def _averages(optimizer: keras.optimizers.Optimizer) -> bool:
    return getattr(optimizer, "use_ema", False)
