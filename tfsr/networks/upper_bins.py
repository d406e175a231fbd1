"""A compact network that predicts the upper bins of each frame from the lower ones.

One trunk of ConvNeXt blocks for amplitude and phase together, heads as those of AP-BWE (Lu et al.
2024): log amplitude, and phase as the direction of a vector. With the defaults and 129 known, 139
upper bins: 436,065 parameters.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.layers.convnext import normal
from tfsr.networks.spectral_trunk import LARGEST, SpectralTrunk
from tfsr.signal.polar import Polar
from tfsr.signal.stft import Spectrum

# Nepers. The upper bins begin 26 dB below the mean level of the known ones.
_INITIAL_LEVEL = -3.0


class UpperBins(SpectralTrunk):
    """Spectrum [batch, frames, known bins] -> Spectrum [batch, frames, outputs], of the bins above.

    What it predicts is relative to the mean log amplitude of the known bins.

    Args:
        outputs: number of upper bins.
        channels, blocks, kernel, input_kernel, expansion, causal: see `SpectralTrunk`.
    """

    ranges = SpectralTrunk.ranges | {"outputs": COUNT}

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
        super().__init__(channels, blocks, kernel, input_kernel, expansion, causal, name)
        # float32 in mixed precision too, as a network's last layers should be.
        self.amplitude, self.real, self.imag = (
            keras.layers.Dense(outputs, kernel_initializer=normal(), dtype="float32")
            for _ in range(3)
        )

    def bins(self, x: tf.Tensor, level: tf.Tensor, spectrum: Spectrum) -> Spectrum:
        log_amplitude = tf.minimum(level + _INITIAL_LEVEL + self.amplitude(x), LARGEST)
        return Polar(log_amplitude, self.real(x), self.imag(x)).spectrum
