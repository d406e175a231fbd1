"""A compact network that restores each frame by a complex mask and a generated spectrum.

The mask changes the bins of the damaged input (Williamson et al. 2016, "Complex ratio masking for
monaural speech separation"). Where they hold nothing of the original, the network adds a spectrum
of its own. Heads like those of AP-BWE (Lu et al. 2024) make it.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.layers.convnext import normal
from tfsr.networks.spectral_trunk import LARGEST, SpectralTrunk
from tfsr.signal.polar import Polar
from tfsr.signal.stft import Spectrum

# Nepers. What is added begins 43 dB below the mean level of a frame, so that the output is the
# input at first.
_INITIAL_LEVEL = -5.0


class RestoredBins(SpectralTrunk):
    """Spectrum [batch, frames, outputs] -> Spectrum of the same shape: of the undamaged signal.

    With the defaults and 257 bins: 1,268,965 parameters.

    Args:
        outputs: number of bins, of input and output.
        channels, blocks, kernel, input_kernel, expansion, causal: see `SpectralTrunk`. Noise and
            reverberation last long, so the kernels are long.
    """

    ranges = SpectralTrunk.ranges | {"outputs": COUNT}

    def __init__(
        self,
        outputs: int,
        channels: int = 160,
        blocks: int = 6,
        kernel: int = 9,
        input_kernel: int = 1,
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
        self.mask_real, self.mask_imag = (
            keras.layers.Dense(outputs, kernel_initializer="zeros", dtype="float32")
            for _ in range(2)
        )

    def bins(self, x: tf.Tensor, level: tf.Tensor, spectrum: Spectrum) -> Spectrum:
        log_amplitude = tf.minimum(level + _INITIAL_LEVEL + self.amplitude(x), LARGEST)
        made = Polar(log_amplitude, self.real(x), self.imag(x)).spectrum
        mask = Spectrum(1 + self.mask_real(x), self.mask_imag(x))
        real = mask.real * spectrum.real - mask.imag * spectrum.imag
        imag = mask.real * spectrum.imag + mask.imag * spectrum.real
        return Spectrum(real + made.real, imag + made.imag)
