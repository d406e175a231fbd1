"""A compact network that predicts the upper bins of each frame from the lower ones.

One trunk of ConvNeXt blocks for amplitude and phase together, heads as those of AP-BWE (Lu et al.
2024): log amplitude, and phase as the direction of a vector. With the defaults and 129 known, 139
upper bins: 436,065 parameters.
"""

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

# Nepers. The upper bins begin 26 dB below the mean level of the known ones; no frame of 4,096
# samples at full scale has an amplitude above the other.
_INITIAL_LEVEL = -3.0
_LARGEST = 8.0


class UpperBins(Describable, keras.Model):
    """Spectrum [batch, frames, known bins] -> Spectrum [batch, frames, outputs], of the bins above.

    The network sees the log amplitude, and cosine and sine of the phase, which fade where a bin is
    empty. What it predicts is relative to the mean log amplitude of the known bins.

    Args:
        outputs: number of upper bins.
        channels: of the blocks.
        blocks: how many.
        kernel: frames that a block sees.
        input_kernel: frames that the convolution before them sees.
        expansion: how many times as wide a block is within.
        causal: whether no later frame is seen. If so, `initial_state` and `step` run the network
            frame by frame, as in `tfsr.layers.streaming`.

    Attributes:
        causal: as given.
        latency: later frames that a frame waits for.
        receptive_field: frames before and after that a frame depends on.

    Raises:
        UserError: an even kernel that is not causal.
    """

    ranges = dict.fromkeys(
        ("outputs", "channels", "blocks", "kernel", "input_kernel", "expansion"), COUNT
    )

    def __init__(
        self,
        outputs: int,
        channels: int = 96,
        blocks: int = 5,
        kernel: int = 7,
        input_kernel: int = 3,
        expansion: int = 3,
        causal: bool = False,
        name: str | None = None,
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

    def call(self, spectrum: Spectrum, training: bool = False) -> Spectrum:
        features, level = _features(spectrum)
        return self._heads(self.trunk(features), level)

    def initial_state(self, batch: int | tf.Tensor = 1) -> State:
        """The state before the first frame, once the network is built.

        Raises:
            UserError: the network is not causal.
        """
        return self.trunk.initial_state(batch)

    def step(self, spectrum: Spectrum, state: State) -> tuple[Spectrum, State]:
        """The upper bins of the next frames, any number of them, and the next state."""
        features, level = _features(spectrum)
        x, state = self.trunk.step(features, state)
        return self._heads(x, level), state

    def _heads(self, x: tf.Tensor, level: tf.Tensor) -> Spectrum:
        log_amplitude = tf.minimum(level + _INITIAL_LEVEL + self.amplitude(x), _LARGEST)
        return Polar(log_amplitude, self.real(x), self.imag(x)).spectrum


def _features(spectrum: Spectrum) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch, frames, 3 * bins], and the mean log amplitude of each frame."""
    amplitude = tf.sqrt(spectrum.power + _TINY)
    log_amplitude = tf.math.log(amplitude + _FLOOR)
    phasors = [part / (amplitude + _GATE) for part in spectrum]
    level = tf.reduce_mean(log_amplitude, axis=-1, keepdims=True)
    return tf.concat([log_amplitude, *phasors], axis=-1), level
