"""The vocoder of VoiceFixer, from mel spectrograms to sound (Liu et al. 2022).

Its trainer is not published. Published are the weights of the losses and the step at which the
adversarial ones begin; they are the defaults here. The losses are described in
`tfsr.losses.vocoder`, the discriminators in `tfsr.networks.tfgan_critics`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.convolution import time_of
from tfsr.losses.vocoder import MelDistance, MultiResolutionStft, TimeDomain
from tfsr.networks.tfgan import TFGAN
from tfsr.signal.mel import MelSpectrogram, vocoder_condition
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.optimizers import averaging_adam
from tfsr.upsamplers.reconstruction import Reconstruction
from tfsr.upsamplers.update import Batch, Losses


class Distances(Protocol):
    """(high, estimate), float32 [batch, time] both -> the losses of `names`, [batch] each."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> Losses: ...


_WEIGHTS = {
    **{"time": 200.0, "energy": 100.0, "phase": 100.0},
    **{"convergence": 5.0, "magnitude": 5.0, "mel": 50.0},
}


class Vocoder(Reconstruction):
    """From a signal to its mel spectrogram and back, at one rate.

    This shows how much of a signal its mel spectrogram holds. Restoration uses it as its last part:
    `resynthesize` then gets another mel spectrogram. It is trained on undamaged signals; `low` is
    not used.

    Args:
        network: from mel spectrograms to signals.
        adversarial: discriminators of the generated signals, whose published weight is 4; None:
            there are none.
        losses: each maps (high, estimate) -> losses by name, see `tfsr.losses.vocoder`.
        weights: of the losses with these names; one that is not given is the published one.
        spectrogram: the input of the generator; it sets the rate.
        compat: cut the generated signal as VoiceFixer does, for the weights that its authors
            released. The same number of samples is cut from both ends. So the result is late or
            early by up to 7 ms, and long signals cannot be processed in chunks.
        optimizer: of the generator; `tfgan_adam` unless given.

    Raises:
        UserError: generator and spectrogram have different hops.
    """

    restores = True

    def __init__(
        self,
        network: TFGAN,
        adversarial: Adversarial | None = None,
        losses: Sequence[Distances] = (TimeDomain(), MultiResolutionStft(), MelDistance()),
        weights: Mapping[str, float] | None = None,
        spectrogram: MelSpectrogram = MelSpectrogram(),
        compat: bool = False,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        if network.hop != spectrogram.hop_length:
            raise UserError(
                f"{type(network).__name__} makes {network.hop} samples of a frame, and "
                f"Vocoder.spectrogram has one every {spectrogram.hop_length}: set both alike"
            )
        names = [name for distances in losses for name in distances.names]
        super().__init__(
            spectrogram.rate,
            spectrogram.rate,
            names,
            {name: _WEIGHTS[name] for name in names if name in _WEIGHTS} | dict(weights or {}),
            adversarial,
            optimizer or tfgan_adam(),
        )
        self.network = network
        self.spectrogram = spectrogram
        self.frame_rate = spectrogram.rate / spectrogram.hop_length
        self._distances = tuple(losses)
        self._compat = compat
        # An odd number of frames is followed by another number of silent ones than an even one.
        self.hop = 2 * network.hop
        self.receptive_field = None if compat else _receptive_field(network, spectrogram)

    @property
    def chunk(self) -> int:
        """At least as long as the context on both sides, 12 s with the published sizes."""
        return max(super().chunk, 2 * (self.receptive_field or 0))

    def estimate(self, batch: Batch, training: bool) -> tf.Tensor:
        return self._resynthesized(batch["high"], training)

    def distances(self, batch: Batch, estimate: tf.Tensor) -> Losses:
        losses: Losses = {}
        for distances in self._distances:
            losses |= distances(batch["high"], estimate)
        return losses

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._resynthesized(low, training=False)

    def resynthesize(
        self, mel: tf.Tensor, samples: int | tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """The signal of a mel spectrogram.

        Args:
            mel: float32 [batch, frames, bands], as `spectrogram` gives it. The middle of frame t
                is at sample t * hop_length.
            samples: at most (frames + 4) * hop_length; samples after frames * hop_length are
                nearly silent.

        Returns:
            float32 [batch, samples] in [-1, 1].
        """
        x = self.network(vocoder_condition(mel, self.spectrogram.rate), training=training)
        first = (time_of(x) - samples) // 2 if self._compat else 0
        return x[:, first : first + samples, 0]

    def with_reference(self, high: np.ndarray) -> Upsampler:
        """Oracle-Mel: the upper bound of restoration, from the original's mel spectrogram."""
        return _OfReference(self, high)

    def _resynthesized(self, signal: tf.Tensor, training: bool) -> tf.Tensor:
        return self.resynthesize(self.spectrogram(signal), time_of(signal), training)


class _OfReference(Upsampler):
    """A `Vocoder` that always gets the same recording as its input."""

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
    """Adam for generator or discriminators.

    Args:
        learning_rate: constant; 1e-3 is published.
        beta_1, beta_2: decay of the means of gradients and of their squares.
        average: momentum of moving averages of the weights, which validation, evaluation and export
            then use. 0.99 is published, for the generator.
    """
    return averaging_adam(learning_rate, beta_1, beta_2, average)


def _receptive_field(network: TFGAN, spectrogram: MelSpectrogram) -> int:
    """Samples: of the frames, the part of a frame outside its hop, and half of a window."""
    return (network.receptive_field + 1) * network.hop + spectrogram.n_fft // 2
