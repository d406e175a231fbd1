"""The base of compact networks on spectra: features of frames, a trunk over them, streams."""

from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.description.describable import Describable
from tfsr.layers.convnext import ConvNeXt, normal
from tfsr.signal.polar import Polar
from tfsr.signal.stft import Spectrum

State = tuple[tf.Tensor, ...]

# Amplitudes are those of a transform that is not scaled, of signals in [-1, 1].
_FLOOR = 1e-4
_GATE = 1e-3
_TINY = 1e-9

LARGEST = 8.0
"""Nepers: no frame of 4,096 samples at full scale has a larger log amplitude."""


class Seen(NamedTuple):
    """What networks see of a spectrum, each [batch, frames, bins] but `level`.

    Attributes:
        log_amplitude: natural logarithm, with a floor.
        level: its mean over the bins of a frame, [batch, frames, 1].
        real, imag: cosine and sine of the phase; 0 where a bin is empty.
    """

    log_amplitude: tf.Tensor
    level: tf.Tensor
    real: tf.Tensor
    imag: tf.Tensor

    @classmethod
    def of(cls, spectrum: Spectrum) -> "Seen":
        amplitude = tf.sqrt(spectrum.power + _TINY)
        log_amplitude = tf.math.log(amplitude + _FLOOR)
        real, imag = (part / (amplitude + _GATE) for part in spectrum)
        level = tf.reduce_mean(log_amplitude, axis=-1, keepdims=True)
        return cls(log_amplitude, level, real, imag)


class SpectralTrunk(Describable, keras.Model):
    """Spectrum [batch, frames, bins] -> Spectrum, by ConvNeXt blocks over frames.

    The inputs are the log amplitude, and the cosine and sine of the phase. The latter two go to 0
    where a bin is empty. A subclass defines `bins`, which may use the spectrum that is `generated`.

    Args:
        outputs: number of output bins.
        channels: number of channels of the blocks.
        blocks: number of blocks.
        kernel: frames that a block's convolution covers.
        input_kernel: frames that the first convolution covers.
        expansion: factor between the channels inside a block and outside.
        causal: whether no later frame is used. If so, `initial_state` and `step` run the network
            frame by frame, as in `tfsr.layers.streaming`.

    Attributes:
        causal: as given.
        initial_level: level of the generated spectrum at first, in nepers above the mean level.
        latency: number of later frames that a frame needs.
        receptive_field: number of frames before and after that a frame depends on.

    Raises:
        UserError: an even kernel that is not causal.
    """

    ranges = dict.fromkeys(
        ("outputs", "channels", "blocks", "kernel", "input_kernel", "expansion"), COUNT
    )
    initial_level: float

    def __init__(
        self,
        outputs: int,
        channels: int,
        blocks: int,
        kernel: int,
        input_kernel: int,
        expansion: int,
        causal: bool,
        name: str | None,
    ):
        # Spectra stay float32 in mixed precision too: squares of them exceed half precision.
        super().__init__(name=name, autocast=False)
        self.trunk = ConvNeXt(channels, blocks, kernel, input_kernel, expansion, causal)
        # float32 in mixed precision too, as a network's last layers should be.
        self.amplitude, self.real, self.imag = (
            keras.layers.Dense(outputs, kernel_initializer=normal(), dtype="float32")
            for _ in range(3)
        )
        self.causal = causal
        self.latency = self.trunk.latency
        self.receptive_field = self.trunk.receptive_field

    def bins(self, x: tf.Tensor, level: tf.Tensor, spectrum: Spectrum) -> Spectrum:
        """The output spectrum.

        Args:
            x: output of the trunk, [batch, frames, channels].
            level: mean log amplitude of each frame, [batch, frames, 1].
            spectrum: input of the network.
        """
        raise NotImplementedError

    def generated(self, x: tf.Tensor, level: tf.Tensor) -> Spectrum:
        """A spectrum of log amplitudes, relative to the level, and of phases; see `bins`."""
        log_amplitude = tf.minimum(level + self.initial_level + self.amplitude(x), LARGEST)
        return Polar(log_amplitude, self.real(x), self.imag(x)).spectrum

    def call(self, spectrum: Spectrum, training: bool = False) -> Spectrum:
        features, level = _features(spectrum)
        return self.bins(self.trunk(features), level, spectrum)

    def initial_state(self, batch: int | tf.Tensor = 1) -> State:
        """The state before the first frame, once the network is built.

        Raises:
            UserError: the network is not causal.
        """
        return self.trunk.initial_state(batch)

    def step(self, spectrum: Spectrum, state: State) -> tuple[Spectrum, State]:
        """The output of the next frames, any number of them, and the next state."""
        features, level = _features(spectrum)
        x, state = self.trunk.step(features, state)
        return self.bins(x, level, spectrum), state


def _features(spectrum: Spectrum) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch, frames, 3 * bins], and the mean log amplitude of each frame."""
    seen = Seen.of(spectrum)
    return tf.concat([seen.log_amplitude, seen.real, seen.imag], axis=-1), seen.level
