"""The contract: the one thing that is trained, checkpointed, evaluated, used and exported."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.layers import random
from tfsr.signal.resample import whole_ratio

Batch = dict[str, tf.Tensor]
"""{"low": [batch, time], "high": [batch, ratio * time], "seed": int32 [batch, 2]}"""

Nest = Any
"""Tensors in tuples, lists and dicts, as `tf.nest` knows them."""

Losses = dict[str, tf.Tensor]
"""name -> the loss of each example, [batch]"""

_CHUNK_SECONDS = 4
_SEED = tf.TensorSpec([], tf.int32)


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


class Stage(NamedTuple):
    """One pass over the whole signal, of those that follow each other in `upsample`.

    Attributes:
        function: (signal, condition, noise, *settings) -> signal. `signal` is what the stage before
            gave, the empty tuple () in the first; `condition` is `Upsampler.condition`'s; `noise`
            is `noise_steps` tensors, float32 [batch, ratio * time]. Signals and conditions are
            nests of tensors [batch, time, ...], whose time is a fixed multiple or part of the
            input's.
        noise_steps: how many of the draws of noise it takes, in the order of the stages.
        settings: numbers, so that stages that do the same with other numbers are traced once.
    """

    function: Callable
    noise_steps: int = 0
    settings: tuple[float, ...] = ()


class Signature(NamedTuple):
    """A function of a SavedModel.

    Attributes:
        function: takes the inputs by name; gives float32 [batch, ratio * time], or a dict of such.
        inputs: name -> what it must be.
    """

    function: Callable
    inputs: dict[str, tf.TensorSpec]


class Upsampler(keras.Model):
    """A network (or several) plus an objective plus a way to sample.

    A subclass gives `loss_names`, `losses_for` and `upsample`; those that train more than one
    network give `updates` too. Everything around an upsampler speaks only to what stands here.

    Attributes:
        input_rate, output_rate: Hz; `ratio` is their quotient, a whole number.
        loss_names: the losses that are logged; the first is "loss", the one that is minimised.
        noise_steps: how many draws of noise `upsample` wants (0: it is deterministic).
        receptive_field: input samples on each side that an output sample of one stage depends on;
            None where it is unbounded.
        hop: chunks of a long signal start at multiples of so many input samples.
        peaks: a recording whose largest absolute sample lies outside of this range is brought to
            the nearer end for `upsample`, and back after it; None leaves every level.
        patch: output samples that training patches must have; None where any number will do.
        adapt_batches: how many training batches `adapt` wants to see before the first step.
    """

    loss_names: tuple[str, ...] = ("loss",)
    noise_steps: int = 0
    receptive_field: int | None = None
    hop: int = 1
    peaks: tuple[float, float] | None = None
    patch: int | None = None
    adapt_batches: int = 0

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
        self._training_optimizer = optimizer or keras.optimizers.Adam(1e-4)
        self._graphs = {}

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
        return self.chain(low, noise)

    @property
    def stages(self) -> Sequence[Stage]:
        """The passes that `upsample` consists of; what runs long signals in parts goes by these."""
        return [Stage(self._at_once, self.noise_steps)]

    def condition(self, low: tf.Tensor) -> Nest:
        """What all stages need of `low`, computed once for them; here `low` itself."""
        return low

    def chain(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """`upsample`, one stage after the other."""
        condition, signal, drawn = self.condition(low), (), 0
        for stage in self.stages:
            part = tuple(noise[drawn + number] for number in range(stage.noise_steps))
            signal = stage.function(signal, condition, part, *stage.settings)
            drawn += stage.noise_steps
        return signal

    @property
    def chunk(self) -> int:
        """Input samples of a long signal that are upsampled together unless somebody chooses."""
        return _CHUNK_SECONDS * self.input_rate

    def gain(self, peak: tf.Tensor | float) -> tf.Tensor:
        """The factor for recordings with these largest absolute samples, see `peaks`."""
        if self.peaks is None:
            return tf.ones_like(peak)
        known = tf.clip_by_value(peak, *self.peaks)
        return tf.where(peak > 0, tf.math.divide_no_nan(known, peak), 1.0)

    @property
    def signatures(self) -> dict[str, Signature]:
        """What a SavedModel of this upsampler answers to; "serving_default" must be among them.

        Those that draw noise take a seed for it there, and the noise itself in "with_noise".
        """
        audio = {"audio": tf.TensorSpec([None, None])}
        if not self.noise_steps:
            return {"serving_default": Signature(self.serve, audio)}
        noise = {"noise": tf.TensorSpec([self.noise_steps, None, None])}
        return {
            "serving_default": Signature(self._serve_seed, audio | {"seed": _SEED}),
            "with_noise": Signature(self.serve, audio | noise),
        }

    def serve(self, audio: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """`upsample` at a level that it knows, that of each recording of the batch by itself."""
        return self.at_known_level(audio, lambda low: self.upsample(low, noise))

    def at_known_level(self, low: tf.Tensor, upsample: Callable) -> tf.Tensor:
        """`upsample(low)`, if need be louder or softer in between, see `peaks`."""
        if self.peaks is None:
            return upsample(low)
        gain = self.gain(tf.reduce_max(tf.abs(low), axis=1, keepdims=True))
        return upsample(gain * low) / gain

    def run(self, function: Callable, *inputs: Nest) -> Nest:
        """A method of this upsampler as a graph that is traced once for every batch and time.

        Args:
            inputs: nests of numbers, tensors and arrays; all but numbers are [batch, time, ...].
        """
        inputs = tf.nest.map_structure(lambda x: tf.convert_to_tensor(x, tf.float32), inputs)
        specs = tf.nest.map_structure(_any_length, inputs)
        key = f"{function.__name__}{specs}"
        if key not in self._graphs:
            graph = tf.function(function, input_signature=specs, autograph=False)
            self._graphs[key] = graph
        return self._graphs[key](*inputs)

    def with_reference(self, high: np.ndarray) -> "Upsampler":
        """For one recording whose original is known, float32 [time] at `output_rate`: itself.

        An oracle, which shows how far a system could come if it knew part of the answer, returns
        an upsampler that uses it; evaluation is where originals are known.
        """
        return self

    def call(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.upsample(low, noise)

    def _serve_seed(self, audio: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        batch, time = tf.unstack(tf.shape(audio))
        shape = [self.noise_steps, batch, self.ratio * time]
        return self.serve(audio, tf.random.stateless_normal(shape, [seed, 0]))

    def _at_once(
        self, signal: tuple[()], condition: tf.Tensor, noise: tuple[tf.Tensor, ...]
    ) -> tf.Tensor:
        return self.upsample(condition, tf.stack(noise) if noise else None)

    def initialize(self) -> None:
        """Create every weight, so that they can be counted, restored and exported."""
        low = tf.zeros([1, self.hop])
        self(low, tf.zeros([self.noise_steps, 1, self.hop * self.ratio]))

    def compile(self) -> None:
        """Make ready for `fit`: the weights exist, the optimizers were given at construction.

        The optimizers' variables are made too, so that a checkpoint can be restored into them.
        """
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
    def train_step(self, batch: Batch) -> Losses:
        for number, update in enumerate(self.updates):
            # Every so manieth example, so that any number of replicas makes the same batches.
            part = {key: value[number :: self.batches_per_step] for key, value in batch.items()}
            results = self.track(self._minimize(update, part))
        return results

    @tf.autograph.experimental.do_not_convert
    def test_step(self, batch: Batch) -> Losses:
        return self.track(_seeded(self.losses_for, batch, training=False))

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
        update.optimizer.apply_gradients(zip(gradients, update.variables, strict=True))
        return losses

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
        optimizer, variables = update.optimizer, update.variables
        scales_loss = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses = _seeded(update.losses_for, batch, training=True)
            objective = self.global_mean(losses[update.loss])
            scaled = optimizer.get_scaled_loss(objective) if scales_loss else objective
        gradients = tape.gradient(scaled, variables)
        if scales_loss:
            gradients = optimizer.get_unscaled_gradients(gradients)
        return losses, gradients


def _seeded(losses_for: Callable[[Batch, bool], Losses], batch: Batch, training: bool) -> Losses:
    """The losses, with every random draw of the layers a function of the batch's seed."""
    with random.seeded(batch["seed"][0]):
        return losses_for(batch, training)


def _any_length(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None, None, *tensor.shape[2:]] if tensor.shape.rank else [])


def _averages(optimizer: keras.optimizers.Optimizer) -> bool:
    return getattr(optimizer, "use_ema", False)
