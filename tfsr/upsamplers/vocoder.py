"""A mel spectrogram made audible again: the vocoder of VoiceFixer (Liu et al. 2022).

Its trainer is not published. What is known of it, the weights of the losses and when the
adversarial ones begin, is the default here; the losses are described in `tfsr.losses.vocoder`, the
critics in `tfsr.networks.tfgan_critics`.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.convolution import time_of
from tfsr.losses.adversarial import LeastSquares
from tfsr.losses.vocoder import MelDistance, MultiResolutionStft, TimeDomain
from tfsr.networks.tfgan import TFGAN
from tfsr.signal.mel import MelSpectrogram, vocoder_condition
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.trainable import Batch, Losses, Update, with_total

Distances = Callable[[tf.Tensor, tf.Tensor], Losses]

_WEIGHTS = {
    **{"time": 200.0, "energy": 100.0, "phase": 100.0},
    **{"convergence": 5.0, "magnitude": 5.0, "mel": 50.0, "adversarial": 4.0},
}
_CRITIC_WEIGHTS = {"frequency": 2.0}
_OBJECTIVE = LeastSquares()


class Vocoder(Upsampler):
    """From a signal to its mel spectrogram and back, at one rate.

    That shows how much of a signal its mel spectrogram holds, and is what restoration ends with,
    which gives `resynthesize` another mel spectrogram. Trained on undamaged signals: `low` is not
    used.

    Args:
        network: from mel spectrograms to signals.
        critics: family -> network, [batch, time, 1] -> scores [batch, ...], or a list of such. Of
            their judgements one family's is the mean over its list, and all families' the mean over
            them. Without any, nothing is adversarial.
        losses: each (high, estimate) -> losses by name, see `tfsr.losses.vocoder`.
        weights: of the losses of all these names, and of the "adversarial" one; where one is not
            given it is the published one, or 1.
        critic_weights: of families in the adversarial loss; 2 for "frequency", 1 for any other
            where not given.
        start_step: the step at which critics begin to learn and the generator begins to mind them;
            they cost nothing before.
        spectrogram: what the generator is conditioned on; it sets the rate.
        compat: cut the generated signal as VoiceFixer does, which fits the weights that its authors
            released: the same number of samples from both ends, so that the result is late or early
            by up to 7 ms. There is no cutting long signals up then.
        optimizer: of the generator; `tfgan_adam` unless given.
        critic_optimizer: likewise.

    Raises:
        UserError: generator and spectrogram have different hops.
    """

    def __init__(
        self,
        network: TFGAN,
        critics: Mapping[str, keras.Model] | None = None,
        losses: Sequence[Distances] = (TimeDomain(), MultiResolutionStft(), MelDistance()),
        weights: Mapping[str, float] | None = None,
        critic_weights: Mapping[str, float] | None = None,
        start_step: int = 40_000,
        spectrogram: MelSpectrogram = MelSpectrogram(),
        compat: bool = False,
        optimizer: keras.optimizers.Optimizer | None = None,
        critic_optimizer: keras.optimizers.Optimizer | None = None,
    ):
        if network.hop != spectrogram.hop_length:
            raise UserError(
                f"{type(network).__name__} makes {network.hop} samples of a frame, and "
                f"Vocoder.spectrogram has one every {spectrogram.hop_length}: set both alike"
            )
        super().__init__(spectrogram.rate, spectrogram.rate, optimizer or tfgan_adam())
        self.network = network
        self.critics = dict(critics or {})
        self.spectrogram = spectrogram
        self._distances = tuple(losses)
        self._weights = _WEIGHTS | dict(weights or {})
        self._critic_weights = _CRITIC_WEIGHTS | dict(critic_weights or {})
        self._start_step = start_step
        self._compat = compat
        self._critic_optimizer = critic_optimizer or tfgan_adam()
        names = [name for distance in self._distances for name in distance.names]
        self.loss_names = ("loss", *names, *(("adversarial", "critics") if critics else ()))
        # An odd number of frames is followed by another number of silent ones than an even one.
        self.hop = 2 * network.hop
        self.receptive_field = None if compat else _receptive_field(network, spectrogram)

    @property
    def chunk(self) -> int:
        """At least as long as the two halos, which come to 12 s with the published sizes."""
        return max(super().chunk, 2 * (self.receptive_field or 0))

    @property
    def updates(self) -> Sequence[Update]:
        generator = Update(
            self._generator_losses,
            "loss",
            self._training_optimizer,
            self.network.trainable_variables,
        )
        if not self.critics:
            return [generator]
        variables = [v for critic in self.critics.values() for v in critic.trainable_variables]
        return [
            Update(self._critic_losses, "critics", self._critic_optimizer, variables),
            generator,
        ]

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        own = self._generator_losses(batch, training)
        if not self.critics:
            return own
        misjudged = functools.partial(self._critic_losses, batch, training)
        none = {"critics": tf.zeros_like(own["loss"])}
        return own | tf.cond(self._started, misjudged, lambda: none)

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._resynthesized(low, training=False)

    def resynthesize(
        self, mel: tf.Tensor, samples: int | tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """The signal with a mel spectrogram.

        Args:
            mel: float32 [batch, frames, bands], as `spectrogram` gives it: the middle of frame t is
                at sample t * hop_length.
            samples: at most (frames + 4) * hop_length; those after the first frames * hop_length
                are nearly silent.

        Returns:
            float32 [batch, samples] in [-1, 1].
        """
        x = self.network(vocoder_condition(mel, self.spectrogram.rate), training=training)
        first = (time_of(x) - samples) // 2 if self._compat else 0
        return x[:, first : first + samples, 0]

    def with_reference(self, high: np.ndarray) -> Upsampler:
        """Oracle-Mel: what restoration can come to, made of the original's mel spectrogram."""
        return _OfReference(self, high)

    def initialize(self) -> None:
        super().initialize()
        for critic in self.critics.values():
            critic(tf.zeros([1, self.hop, 1]))

    def _resynthesized(self, signal: tf.Tensor, training: bool) -> tf.Tensor:
        return self.resynthesize(self.spectrogram(signal), time_of(signal), training)

    @property
    def _started(self) -> tf.Tensor:
        return self._training_optimizer.iterations >= self._start_step

    def _generator_losses(self, batch: Batch, training: bool) -> Losses:
        high = batch["high"]
        estimate = self._resynthesized(high, training)
        losses = {}
        for distances in self._distances:
            losses |= distances(high, estimate)
        if self.critics:
            losses["adversarial"] = self._adversarial(estimate, training)
        return with_total(losses, self._weights)

    def _adversarial(self, estimate: tf.Tensor, training: bool) -> tf.Tensor:
        """What the critics say of it, [batch]; 0 before they have started.

        Value and gradient come out of the condition together: to differentiate one takes minutes,
        for all that is computed within it must come out.
        """
        judged = functools.partial(self._judged, tf.stop_gradient(estimate), training)
        nothing = tf.zeros_like(estimate[:, 0]), tf.zeros_like(estimate)
        value, gradient = tf.cond(self._started, judged, lambda: nothing)
        slope = tf.reduce_sum(estimate * gradient, axis=1)
        return value + slope - tf.stop_gradient(slope)

    def _judged(self, estimate: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """The critics' judgement of each example, and its gradient at the samples."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(estimate)
            x = tf.expand_dims(estimate, -1)
            judgements = [
                self._critic_weights.get(family, 1.0)
                * _OBJECTIVE.for_network(critic(x, training=training))
                for family, critic in self.critics.items()
            ]
            value = tf.add_n(judgements) / len(judgements)
        return value, tape.gradient(value, estimate)

    def _critic_losses(self, batch: Batch, training: bool) -> Losses:
        real = tf.expand_dims(batch["high"], -1)
        fake = tf.expand_dims(self._resynthesized(batch["high"], training), -1)
        mistakes = [
            _OBJECTIVE.for_critic(functools.partial(critic, training=training), real, fake)
            for critic in self.critics.values()
        ]
        return {"critics": tf.add_n([losses["critic"] for losses in mistakes])}

    def _losses_and_gradients(self, update: Update, batch: Batch) -> tuple[Losses, list[tf.Tensor]]:
        learn = functools.partial(super()._losses_and_gradients, update, batch)
        if update.loss == "loss":
            return learn()
        nothing = tf.zeros_like(batch["high"][:, 0]), [tf.zeros_like(v) for v in update.variables]
        return tf.cond(self._started, learn, lambda: ({"critics": nothing[0]}, nothing[1]))


class _OfReference(Upsampler):
    """A `Vocoder` that is given one recording whatever it is asked for."""

    def __init__(self, vocoder: Vocoder, high: np.ndarray):
        super().__init__(vocoder.input_rate, vocoder.output_rate)
        self._vocoder = vocoder
        self._high = np.float32(high[np.newaxis])

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._vocoder.upsample(self._high)


def tfgan_adam(
    learning_rate: float = 2e-4,
    beta_1: float = 0.5,
    beta_2: float = 0.9,
    average: float | None = None,
) -> keras.optimizers.Optimizer:
    """Adam for generator or critics.

    Args:
        learning_rate: constant; 1e-3 is published.
        beta_1, beta_2: decay of the means of gradients and of their squares.
        average: momentum of moving averages of the weights, with which validation, evaluation and
            export then work; 0.99 is published, of the generator's.
    """
    averaging = {} if average is None else {"use_ema": True, "ema_momentum": average}
    return keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2, **averaging)


def _receptive_field(network: TFGAN, spectrogram: MelSpectrogram) -> int:
    """Samples: of the frames, the part of one that lies beside it, and half of a window."""
    return (network.receptive_field + 1) * network.hop + spectrogram.n_fft // 2
