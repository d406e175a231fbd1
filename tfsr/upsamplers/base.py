"""The contract of upsamplers, which are trained, checkpointed, evaluated, used and exported."""

import dataclasses
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr import model_folder
from tfsr.backend import Backend, Noise, Part, Stage, Streams
from tfsr.errors import UserError
from tfsr.model_card import ModelCard
from tfsr.nest import Nest
from tfsr.signal.resample import whole_ratio
from tfsr.upsamplers.trainable import Trainable

_SEED = tf.TensorSpec([], tf.int32)


class Signature(NamedTuple):
    """A function of a SavedModel.

    Attributes:
        function: takes the inputs by name; returns float32 [batch, ratio * time], or a dict of
            tensors.
        inputs: name -> specification of the input.
        examples: name -> an example value, for inputs that are numbers. It is one number for all
            recordings, or one for each. The warm-up uses these.
    """

    function: Callable
    inputs: dict[str, tf.TensorSpec]
    examples: Mapping[str, float] = MappingProxyType({})


class GraphStreams(Streams, Protocol):
    """`Streams` on tensors, for any number of streams, which can be exported."""

    def initial_state(self, batch: int | tf.Tensor = 1) -> Mapping[str, tf.Tensor]:
        """The state before the first hop, for `batch` streams."""

    def step_signature(self, batch: int | None = None, hops: int | None = None) -> Signature:
        """The signature of `step`: it maps {"audio"} and the state, by name, to the same names.

        Args:
            batch: number of streams; None: any number.
            hops: number of hops in one call; None: any number.
        """


class _Graphs:
    """Functions already traced. It is an object because Keras would search a dict for weights."""

    def __init__(self):
        self._known = {}

    def of(self, key: Hashable, make: Callable[[], Callable]) -> Callable:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


class Upsampler(Trainable, Backend):
    """A network (or several), an objective and a way to sample.

    A subclass implements `Trainable` and `upsample`, and sets the attributes of `Backend`. All
    other code uses upsamplers only through these three classes.

    `Stage.function` is (signal, condition, noise, *settings) -> signal. `signal` is the output of
    the stage before. The first stage gets the empty tuple () instead. If the other stages need a
    signal, the first has a function of its own. `condition` is the output of `condition`. `noise`
    has `noise_steps` tensors, float32 [batch, ratio * time]. Signals and conditions are nests of
    tensors [batch, time, ...], whose time is a fixed multiple or fraction of the input's.

    `streams` is a `GraphStreams`, for upsamplers that run on streams.
    """

    def __init__(
        self,
        input_rate: int,
        output_rate: int,
        optimizer: keras.optimizers.Optimizer | None = None,
        name: str | None = None,
    ):
        super().__init__(optimizer, name)
        self.input_rate = input_rate
        self.output_rate = output_rate
        self.ratio = whole_ratio(output_rate, input_rate)
        self._graphs = _Graphs()
        self.card = ModelCard()

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Widen the band of `low`.

        Args:
            low: float32 [batch, time] at `input_rate`, any time >= 1.
            noise: float32 [noise_steps, batch, ratio * time], standard normal; not needed where
                `noise_steps` is 0. Because noise is an argument, results repeat and chunks agree
                with the whole. An exported graph then needs no random operation.

        Returns:
            float32 [batch, ratio * time] at `output_rate`.
        """
        return self.chain(low, noise)

    @property
    def stages(self) -> Sequence[Stage]:
        """The passes that make up `upsample`; long signals are processed in parts with these."""
        return [Stage(self._at_once, self.noise_steps)]

    def condition(self, low: tf.Tensor) -> Nest:
        """The condition that all stages share, computed once; here it is `low` itself."""
        return low

    def chain(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """`upsample`, computed one stage after the other."""
        steps = self.given_noise(noise) if self.noise_steps else ()
        condition, signal, drawn = self.condition(low), (), 0
        for stage in self.stages:
            part = tuple(steps[drawn + number] for number in range(stage.noise_steps))
            signal = stage.function(signal, condition, part, *stage.settings)
            drawn += stage.noise_steps
        return signal

    def given_noise(self, noise: tf.Tensor | None) -> tf.Tensor:
        """The noise, after a check that it was given.

        Raises:
            UserError: the noise is missing.
        """
        if noise is None:
            raise UserError(
                f"upsample: `noise` is missing; give float32 [{self.noise_steps}, batch, "
                f"{self.ratio} * time], standard normal"
            )
        return noise

    @property
    def streams(self) -> GraphStreams | None:
        """The form that runs on streams, or None: see `Backend`."""
        return None

    def run_condition(self, low: np.ndarray) -> Nest:
        return self._run(self.condition, low)

    def run_stage(
        self, stage: Stage, signal: Nest, condition: Nest, part: Part, noise: Noise = ()
    ) -> Nest:
        cut = tf.nest.map_structure(np.int64, part)
        inputs = signal, condition, cut, noise, *stage.settings
        return self._run(_OnPart(stage.function), *inputs)

    @property
    def signatures(self) -> dict[str, Signature]:
        """The signatures of this upsampler's SavedModel; "serving_default" is always one of them.

        If the model uses noise, "serving_default" takes a seed for it, and "with_noise" takes the
        noise itself. If it has `streams`, "step" and "initial_state" run them.
        """
        audio = {"audio": tf.TensorSpec([None, None])}
        if not self.noise_steps:
            return {"serving_default": Signature(self.serve, audio)}
        noise = {"noise": tf.TensorSpec([self.noise_steps, None, None])}
        return {
            "serving_default": Signature(self._serve_seed, audio | {"seed": _SEED}, {"seed": 0}),
            "with_noise": Signature(self.serve, audio | noise),
        }

    def serve(self, audio: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """`upsample`, with each recording of the batch scaled to a trained level."""
        return self.at_known_level(audio, lambda low: self.upsample(low, noise))

    def at_known_level(self, low: tf.Tensor, upsample: Callable) -> tf.Tensor:
        """`upsample(low)`, scaled to a trained level before and back after, see `peaks`."""
        if self.peaks is None:
            return upsample(low)
        gain = _gains(tf.reduce_max(tf.abs(low), axis=1, keepdims=True), *self.peaks)
        return upsample(gain * low) / gain

    def _run(self, function: Callable, *inputs: Nest) -> Nest:
        """Run a stage's function or `condition` as a graph, traced once for any batch and time.

        Args:
            inputs: nests of numbers and arrays; arrays are [batch, time, ...].

        Returns:
            A nest of arrays. They belong to TensorFlow: do not write to them.
        """
        inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        specs = tf.nest.map_structure(_any_length, inputs)
        graph = self._graphs.of((function, str(specs)), lambda: _graph(function, specs))
        return tf.nest.map_structure(np.asarray, graph(*inputs))

    def call(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.upsample(low, noise)

    def initialize(self) -> None:
        """Create all weights, so that they can be counted, restored and exported."""
        low = tf.zeros([1, self.hop])
        self(low, tf.zeros([self.noise_steps, 1, self.hop * self.ratio]))

    def save(self, folder: str | os.PathLike, half_precision: bool = False) -> None:
        """Write it into a new folder for `tfsr.model_folder.load`; see `tfsr.model_folder.save`.

        Keras's `save_weights` and `load_weights` handle the weights only.

        Args:
            folder: must be new or empty.
            half_precision: store weights in float16, in half the space.

        Raises:
            UserError: the folder cannot be written, or the model has parts that are not tfsr's.
        """
        model_folder.save(self, folder, half_precision)

    def _serve_seed(self, audio: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        batch, time = tf.unstack(tf.shape(audio))
        shape = [self.noise_steps, batch, self.ratio * time]
        return self.serve(audio, tf.random.stateless_normal(shape, [seed, 0]))

    def _at_once(
        self, signal: tuple[()], condition: tf.Tensor, noise: tuple[tf.Tensor, ...]
    ) -> tf.Tensor:
        return self.upsample(condition, tf.stack(noise) if noise else None)


def check_ratio(network: keras.Model, wanted: int, more: str = "") -> None:
    """Raise UserError, with extra advice `more`, unless a network has the wanted ratio."""
    if network.ratio != wanted:
        raise UserError(
            f"{type(network).__name__} raises the rate {network.ratio} times where {wanted} times "
            f"are wanted: set its ratio or the rates{more}"
        )


def _gains(peak: tf.Tensor, least: float, most: float) -> tf.Tensor:
    """`gain` in a graph, for each recording of a batch."""
    known = tf.clip_by_value(peak, least, most)
    return tf.where(peak > 0, tf.math.divide_no_nan(known, peak), 1.0)


def _graph(function: Callable, specs: Sequence[Nest]) -> Callable:
    return tf.function(function, input_signature=specs, autograph=False)


@dataclasses.dataclass(frozen=True)
class _OnPart:
    """A stage's function, applied to a part of the condition.

    The graph cuts out the part. There a tensor is freed right after its last use, and a condition
    may have many tensors.
    """

    function: Callable

    def __call__(
        self, signal: Nest, condition: Nest, part: Part, noise: Nest, *settings: tf.Tensor
    ) -> Nest:
        own = tf.nest.map_structure(lambda x: x[:, part.of(tf.shape(x, tf.int64)[1])], condition)
        return self.function(signal, own, noise, *settings)


def _any_length(tensor: tf.Tensor) -> tf.TensorSpec:
    shape = [None, None, *tensor.shape[2:]] if tensor.shape.rank else []
    return tf.TensorSpec(shape, tensor.dtype)
