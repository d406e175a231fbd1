"""Training: losses, the updates of a step, and the step."""

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
"""(low, high) of a user's data set, shapes as in `Batch`"""


class Trainable(Describable, keras.Model):
    """A network, or several, with an objective.

    A subclass implements `loss_names` and `losses_for`. If it trains more than one network, it
    implements `updates` too.

    Attributes:
        loss_names: the logged losses; the first is "loss", which is minimised.
        patch: number of output samples that training patches must have; None: any number.
        adapt_batches: number of training batches that `adapt` needs before the first step.
        training_only: argument -> the description that replaces it if the model is opened only to
            upsample, see `tfsr.description`.
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
        """The updates of a training step, in this order, each on a batch of its own.

        An update that is done several times in a step is listed several times.
        """
        optimizer, variables = self._training_optimizer, self.trainable_variables
        return [Update("network", self.loss_names, self.losses_for, optimizer, variables)]

    @property
    def batches_per_step(self) -> int:
        """`train_step` needs this many batches, joined into one larger batch."""
        return len(self.updates)

    def adapt(self, batches: Iterable[Batch]) -> None:
        """Before the first step, set values computed from data and not trained (means, say).

        It is called once in a run, with `adapt_batches` training batches. The values must be
        weights, so that checkpoints store them.
        """

    def compile(self, *given: Any, **named: Any) -> None:
        """Prepare for `fit`; losses and optimizers were given to the constructor.

        Missing weights are created, and the optimizers' variables too. A checkpoint can then be
        restored into them.

        Raises:
            UserError: an argument is given; losses and optimizer belong to the constructor.
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
        """Start the moving averages at the weights, which may come from another run."""
        for update in self.updates:
            if _averages(update.optimizer):
                averages = update.optimizer._model_variables_moving_average
                for average, variable in zip(averages, update.variables, strict=True):
                    average.assign(variable)

    def take_averages(self) -> None:
        """Replace the weights by their moving averages; for use, not for more training."""
        for update in self.updates:
            if _averages(update.optimizer):
                update.optimizer.finalize_variable_values(update.variables)

    @contextlib.contextmanager
    def averages(self) -> Iterator[None]:
        """Within it, the weights are the moving averages, if there are any."""
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
        """The losses of all updates on the same batch: name -> [batch]."""
        losses: Losses = {}
        with seeded(batch):
            # The network's first, as if it were alone.
            for update in reversed(list(dict.fromkeys(self.updates))):
                losses |= update.losses(batch, training)
        return losses

    def _batch(self, data: Batch | Pair, parts: int) -> Batch:
        """A pair as a batch of the pipeline; its random seed follows from the step.

        Args:
            data: as `fit` gives it.
            parts: number of parts into which the batch must be divisible.
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
        """Add per-example losses to the running means and return all running means."""
        for name, values in losses.items():
            self._trackers[name].update_state(values)
        return {name: tracker.result() for name, tracker in self._trackers.items()}


@contextlib.contextmanager
def kept(variables: Sequence[tf.Variable]) -> Iterator[None]:
    """At its end, the variables get their earlier values back."""
    values = [tf.identity(variable) for variable in variables]
    yield
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class _Compiled:
    """Result of `compile`. It is an object because Keras would search a list for weights."""

    def __init__(self, updates: Sequence[Update]):
        self.updates = tuple(updates)


def _indivisible(batch: int | str, parts: int) -> str:
    return (
        f"fit: a batch has {batch} examples, which {parts} updates share; give a multiple of "
        f"{parts} (drop_remainder=True)"
    )


def with_total(losses: Losses, weights: Mapping[str, float] | None = None) -> Losses:
    """The losses and, as "loss", their weighted sum; a weight that is not given is 1."""
    weighted = [(weights or {}).get(name, 1.0) * loss for name, loss in losses.items()]
    return {"loss": tf.add_n(weighted), **losses}


def _averages(optimizer: keras.optimizers.Optimizer) -> bool:
    return getattr(optimizer, "use_ema", False)
