"""The contract: the one thing that is trained, checkpointed, evaluated, used and exported."""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr import model_folder
from tfsr.errors import UserError
from tfsr.model_card import ModelCard
from tfsr.signal.resample import whole_ratio
from tfsr.upsamplers.trainable import Graphs, Trainable

Nest = Any
"""Tensors in tuples, lists and dicts, as `tf.nest` knows them."""

_CHUNK_SECONDS = 4
_SEED = tf.TensorSpec([], tf.int32)


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


class Upsampler(Trainable):
    """A network (or several) plus an objective plus a way to sample.

    A subclass gives what a `Trainable` wants, and `upsample`. Everything around an upsampler speaks
    only to what stands in these two.

    Attributes:
        input_rate, output_rate: Hz; `ratio` is their quotient, a whole number.
        noise_steps: how many draws of noise `upsample` wants (0: it is deterministic).
        receptive_field: input samples on each side that an output sample of one stage depends on;
            None where it is unbounded.
        condition_field: input samples on each side that the condition of the stages depends on.
        hop: chunks of a long signal start at multiples of so many input samples.
        halo: None lets a chunk of a long signal see all of its receptive field, so that chunked
            equals whole. Where that would cost too much, as many input samples on each side as do;
            neighbours then share `fade` samples, over which one goes over into the other (for
            those without noise).
        fade: see `halo`.
        frame_rate: frames a second that its output is made of, however they overlap; None where
            it is not made of frames.
        latency_ms: milliseconds from when a sample comes in to when it is heard, of an upsampler
            that runs on streams; None: it wants whole recordings.
        peaks: a recording whose largest absolute sample lies outside of this range is brought to
            the nearer end for `upsample`, and back after it; None leaves every level.
        restores: whether it also changes the band that a recording has, and is meant to.
        card: what is known of it, for those who use it.
    """

    noise_steps: int = 0
    receptive_field: int | None = None
    condition_field: int = 0
    hop: int = 1
    halo: int | None = None
    fade: int = 0
    frame_rate: float | None = None
    latency_ms: float | None = None
    peaks: tuple[float, float] | None = None
    restores: bool = False

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
        self._graphs = Graphs()
        self.card = ModelCard()

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

    def whole_hops(self, samples: int) -> int:
        """Input samples, rounded up to a multiple of `hop`."""
        return -(-samples // self.hop) * self.hop

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
        """A function of a stage, or `condition`, as a graph, traced once for every batch and time.

        Args:
            inputs: nests of numbers, tensors and arrays; all but numbers are [batch, time, ...].
        """
        inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        specs = tf.nest.map_structure(_any_length, inputs)
        return self._graphs.of((function, str(specs)), lambda: _graph(function, specs))(*inputs)

    def with_reference(self, high: np.ndarray) -> "Upsampler":
        """For one recording whose original is known, float32 [time] at `output_rate`: itself.

        An oracle, which shows how far a system could come if it knew part of the answer, returns
        an upsampler that uses it; evaluation is where originals are known.
        """
        return self

    def call(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.upsample(low, noise)

    def initialize(self) -> None:
        """Create every weight, so that they can be counted, restored and exported."""
        low = tf.zeros([1, self.hop])
        self(low, tf.zeros([self.noise_steps, 1, self.hop * self.ratio]))

    def save(self, folder: str | os.PathLike, half_precision: bool = False) -> None:
        """Write it into a new folder, for `tfsr.model_folder.load`; see `tfsr.model_folder.save`.

        Keras's `save_weights` and `load_weights` keep the weights alone.

        Args:
            folder: must not be there yet, or be empty.
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
    """Raise UserError, with `more` advice, unless a network raises the rate so many times."""
    if network.ratio != wanted:
        raise UserError(
            f"{type(network).__name__} raises the rate {network.ratio} times where {wanted} times "
            f"are wanted: set its ratio or the rates{more}"
        )


def _graph(function: Callable, specs: Sequence[Nest]) -> Callable:
    return tf.function(function, input_signature=specs, autograph=False)


def _any_length(tensor: tf.Tensor) -> tf.TensorSpec:
    shape = [None, None, *tensor.shape[2:]] if tensor.shape.rank else []
    return tf.TensorSpec(shape, tensor.dtype)
