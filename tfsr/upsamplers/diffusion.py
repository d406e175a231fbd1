"""Diffusion: a network estimates noise, and a chain of steps makes a waveform from noise."""

import logging
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import NOT_NEGATIVE, SHARE
from tfsr.backend import Stage
from tfsr.layers import random
from tfsr.losses.noise_estimation import log_l1
from tfsr.nest import Nest
from tfsr.signal.interpolation import Interpolates, Linear
from tfsr.signal.noise_schedule import NoiseSchedule, geometric_schedule, linear_schedule
from tfsr.upsamplers.base import Signature, Upsampler
from tfsr.upsamplers.optimizers import averaging_adam
from tfsr.upsamplers.update import Batch, Losses

FEWEST_STEPS, MOST_STEPS = 2, 64
"""Range of the number of steps in an exported model."""

_CONDITION_BYTES = 150_000_000

# Lee & Han 2021 ask for less of the signal in the last step.
_MOST_SIGNAL_LEFT = 0.5

_LOG = logging.getLogger("tfsr")

# float32 [steps, 6]: level, from_signal, from_noise, c1, c2, and how much of its draw of noise is
# added before each step, which for the first is all there is.
_Steps = np.ndarray


class Diffusion(Upsampler):
    """Sample by taking noise away step by step (Ho, Jain & Abbeel 2020; Lee & Han 2021, NU-Wave).

    Args:
        network: maps (noisy [batch, time], condition, noise level [batch, 1]) -> noise
            [batch, time]. Its `condition(low)` maps float32 [batch, time] at the output rate to a
            nest of [batch, time, ...]. It has `hop`, `condition_channels`, and in samples
            `receptive_field` and `condition_field`.
        input_rate, output_rate: Hz.
        schedule: noise schedule of upsampling. A warning tells if it begins with noise alone while
            more than half of the signal's amplitude would be left.
        eta: share of the noise removed in a step that is put back, drawn anew: 1 is the ancestral
            sampling of the papers; 0 draws at the beginning only (DDIM, Song, Meng & Ermon 2021).
        training_schedule: training draws a step of it uniformly, then a noise level uniformly
            within the step (Chen et al. 2021, WaveGrad). Validation takes the levels of whole
            steps.
        loss: function (noise, estimate), both [batch, time], -> [batch].
        interpolation: brings the low-rate signal to the output rate. NU-Wave's is late by
            (ratio - 1) / 2 samples, which the network learns to undo.
        clip: keep each step's estimate of the waveform within [-1, 1].
        start_from_low: begin with the interpolated low-rate signal plus the noise of the last
            step, instead of with noise alone. The schedule may then end with a small share of
            noise.
        peaks: see `Upsampler`; the range of the training patches.
        optimizer: NU-Wave's unless given.
    """

    ranges = {"eta": SHARE, "peaks": NOT_NEGATIVE.of_pair()}

    def __init__(
        self,
        network: keras.Model,
        input_rate: int,
        output_rate: int,
        schedule: NoiseSchedule = NoiseSchedule(),
        eta: float = 1.0,
        training_schedule: NoiseSchedule = linear_schedule(),
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = log_l1,
        interpolation: Interpolates = Linear(half_pixel=True),
        clip: bool = False,
        start_from_low: bool = False,
        peaks: tuple[float, float] | None = (0.5, 1.0),
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(input_rate, output_rate, optimizer or nuwave_adam())
        self.network = network
        self.schedule = schedule
        self.interpolation = interpolation
        self.peaks = peaks
        self.noise_steps = schedule.steps
        if not start_from_low and schedule.levels[-1] >= _MOST_SIGNAL_LEFT:
            _LOG.warning(
                "the schedule of Diffusion leaves %.3f of the signal after the last step, but "
                "upsampling begins with noise alone: choose more or larger betas, for less than "
                "%.1f, or start_from_low",
                schedule.levels[-1],
                _MOST_SIGNAL_LEFT,
            )
        self.hop = math.lcm(network.hop, self.ratio) // self.ratio
        self.receptive_field = math.ceil(network.receptive_field / self.ratio) + interpolation.reach
        self.condition_field = math.ceil(network.condition_field / self.ratio) + interpolation.reach
        self._eta = eta
        self._training_levels = training_schedule.levels.astype(np.float32)
        self._loss = loss
        self._clip = clip
        self._start_from_low = start_from_low

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        level = self._drawn_levels(tf.shape(batch["high"])[0], training)
        noise = tf.random.stateless_normal(tf.shape(batch["high"]), random.next_seed())
        loss = self.noise_loss(batch["low"], batch["high"], level, noise, training)
        return {"loss": loss}

    def noise_loss(
        self,
        low: tf.Tensor,
        high: tf.Tensor,
        level: tf.Tensor,
        noise: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """The loss of each example, [batch], for given draws.

        Args:
            low, high: float32 [batch, time], [batch, ratio * time].
            level: float32 [batch, 1], the share of `high` in amplitude.
            noise: of the shape of `high`, standard normal.
            training: whether the network runs in training mode.
        """
        noisy = level * high + tf.sqrt(1 - level**2) * noise
        condition = self.network.condition(self.interpolation(low, self.ratio))
        return self._loss(noise, self.network(noisy, condition, level, training=training))

    @property
    def chunk(self) -> int:
        """A chunk length for which the network's condition takes 150 MB."""
        samples = _CONDITION_BYTES // (4 * self.network.condition_channels)
        return min(samples // self.ratio, super().chunk)

    @property
    def stages(self) -> Sequence[Stage]:
        first, *others = map(tuple, self._steps(self.schedule).tolist())
        return [Stage(self._first_step, 1, first), *(Stage(self._step, 1, row) for row in others)]

    def condition(self, low: tf.Tensor) -> Nest:
        interpolated = self.interpolation(low, self.ratio)
        return interpolated, self.network.condition(interpolated)

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        rows, drawn = tf.constant(self._steps(self.schedule)), self.given_noise(noise)
        return self._loop(low, rows, self.schedule.steps, lambda step: drawn[step])

    @property
    def signatures(self) -> dict[str, Signature]:
        """As in the base class, but "serving_default" also takes the number of steps.

        "with_noise", for phones, has the steps unrolled: a loop took TensorFlow Lite 2.3 times as
        long.
        """
        given = super().signatures
        _, inputs, examples = given["serving_default"]
        inputs = inputs | {"steps": tf.TensorSpec([], tf.int32)}
        # All steps run the same operations.
        examples = {**examples, "steps": FEWEST_STEPS}
        return {
            "serving_default": Signature(self._serve_steps, inputs, examples),
            "with_noise": Signature(self._serve_unrolled, given["with_noise"].inputs),
        }

    def _serve_unrolled(self, audio: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        return self.at_known_level(audio, lambda low: self.chain(low, noise))

    def _serve_steps(self, audio: tf.Tensor, seed: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        known = tf.debugging.Assert(
            (steps >= FEWEST_STEPS) & (steps <= MOST_STEPS),
            [f"steps must be from {FEWEST_STEPS} to {MOST_STEPS}, not", steps],
        )
        batch, time = tf.unstack(tf.shape(audio))
        shape = [batch, self.ratio * time]
        with tf.control_dependencies([known]):
            rows = tf.constant(self._tables())[steps]

        def draw(step: tf.Tensor) -> tf.Tensor:
            return tf.random.stateless_normal(shape, [seed, step])

        return self.at_known_level(audio, lambda low: self._loop(low, rows, steps, draw))

    def _tables(self) -> np.ndarray:
        """[MOST_STEPS + 1, MOST_STEPS, 6]: the rows of the schedule for any number of steps.

        For other numbers of steps, the schedule runs from its first noise level to its last.
        """
        ends = np.sqrt(1 - self.schedule.levels[[1, -1]] ** 2)
        tables = np.zeros([MOST_STEPS + 1, MOST_STEPS, 6], np.float32)
        for steps in range(FEWEST_STEPS, MOST_STEPS + 1):
            own = steps == self.schedule.steps
            schedule = self.schedule if own else geometric_schedule(steps, *ends)
            tables[steps, :steps] = self._steps(schedule)
        return tables

    def _loop(
        self, low: tf.Tensor, rows: tf.Tensor, steps: tf.Tensor | int, drawn: Callable
    ) -> tf.Tensor:
        """The chain as one loop, whose graph is as small as that of one step."""
        condition = self.condition(low)

        def body(step: tf.Tensor, signal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            row = tf.unstack(rows[step])
            return step + 1, self._step(signal, condition, (drawn(step),), *row)

        begin = (tf.constant(0), self._begin(condition, rows[0, 0]))
        return tf.while_loop(lambda step, _: step < steps, body, begin, parallel_iterations=1)[1]

    def _begin(self, condition: Nest, level: tf.Tensor) -> tf.Tensor:
        """The signal to which the first step, at this level, adds its noise."""
        interpolated, _ = condition
        return level * interpolated if self._start_from_low else tf.zeros_like(interpolated)

    def _first_step(
        self,
        _: tuple[()],
        condition: Nest,
        noise: tuple[tf.Tensor],
        level: tf.Tensor,
        *others: tf.Tensor,
    ) -> tf.Tensor:
        """`_step`, for the first step of sampling."""
        return self._step(self._begin(condition, level), condition, noise, level, *others)

    def _step(
        self,
        signal: tf.Tensor,
        condition: Nest,
        noise: tuple[tf.Tensor],
        level: tf.Tensor,
        from_signal: tf.Tensor,
        from_noise: tf.Tensor,
        c1: tf.Tensor,
        c2: tf.Tensor,
        added: tf.Tensor,
    ) -> tf.Tensor:
        """From one noise level to the mean of the next lower one, see `Sampling`."""
        noisy = signal + added * noise[0]
        levels = tf.fill([tf.shape(noisy)[0], 1], level)
        estimate = self.network(noisy, condition[1], levels)
        clean = from_signal * noisy - from_noise * estimate
        if self._clip:
            clean = tf.clip_by_value(clean, -1.0, 1.0)
        return c1 * clean + c2 * noisy

    def _steps(self, schedule: NoiseSchedule) -> _Steps:
        """The steps in the order of sampling, the noisiest first."""
        sampling = schedule.sampling(self._eta)
        left = schedule.levels[-1]
        first = np.sqrt(1 - left**2) if self._start_from_low else 1.0
        added = np.append(sampling.std[1:], first)
        columns = (
            schedule.levels[1:],
            *(sampling.from_signal, sampling.from_noise, sampling.c1, sampling.c2, added),
        )
        return np.stack(columns, axis=1)[::-1].astype(np.float32)

    def _drawn_levels(self, batch: tf.Tensor, training: bool) -> tf.Tensor:
        """Noise levels, [batch, 1]."""
        levels = tf.constant(self._training_levels)
        step = tf.random.stateless_uniform(
            [batch, 1], random.next_seed(), 1, len(self._training_levels), tf.int32
        )
        upper, lower = tf.gather(levels, step - 1), tf.gather(levels, step)
        if not training:
            return lower
        share = tf.random.stateless_uniform([batch, 1], random.next_seed())
        return upper * share + lower * (1 - share)


def nuwave_adam(
    learning_rate: float = 3e-5, clip: float | None = 0.5, average: float | None = None
) -> keras.optimizers.Optimizer:
    """Adam with the settings of Lee & Han's code.

    Args:
        learning_rate: constant.
        clip: largest L2 norm of all gradients together.
        average: momentum of moving averages of the weights, which validation, evaluation and export
            then use. Their code has 0.999, without effect.
    """
    return averaging_adam(learning_rate, 0.5, 0.999, average, epsilon=1e-9, global_clipnorm=clip)
