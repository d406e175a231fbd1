"""A compact network that restores each frame by a mask and a generated spectrum.

The network estimates the noise in each bin, and the mask is then the gain of Wiener's filter. A
complex factor turns and amplifies what is kept (Williamson et al. 2016, "Complex ratio masking for
monaural speech separation"). Where the input holds nothing of the original, the network adds a
spectrum of its own. Heads like those of AP-BWE (Lu et al. 2024) make it.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.convnext import normal
from tfsr.networks.spectral_trunk import LARGEST, SpectralTrunk
from tfsr.signal.stft import Spectrum

# Against a division of 0 by 0.
_TINY = 1e-9


class RestoredBins(SpectralTrunk):
    """Spectrum [batch, frames, outputs] -> Spectrum of the same shape: of the undamaged signal.

    With the defaults and 257 bins: 1,310,342 parameters.

    Args:
        outputs: number of bins, of input and output.
        channels, blocks, kernel, input_kernel, expansion, causal: see `SpectralTrunk`. Noise and
            reverberation last long, so the kernels are long.
    """

    # Nepers, relative to the mean level of a frame. At first the output is nearly the input; with
    # less noise, the gain of most bins would be so near to 1 that it had no gradient.
    initial_noise = -1.5
    initial_level = -5.0

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
        super().__init__(outputs, channels, blocks, kernel, input_kernel, expansion, causal, name)
        # float32 in mixed precision too, as a network's last layers should be.
        self.noise = keras.layers.Dense(outputs, kernel_initializer=normal(), dtype="float32")
        self.factor_real, self.factor_imag = (
            keras.layers.Dense(outputs, kernel_initializer="zeros", dtype="float32")
            for _ in range(2)
        )

    def bins(self, x: tf.Tensor, level: tf.Tensor, spectrum: Spectrum) -> Spectrum:
        made = self.generated(x, level)
        noise = tf.exp(2 * tf.minimum(level + self.initial_noise + self.noise(x), LARGEST))
        kept = spectrum.power / (spectrum.power + noise + _TINY)
        mask = Spectrum(kept * (1 + self.factor_real(x)), kept * self.factor_imag(x))
        real = mask.real * spectrum.real - mask.imag * spectrum.imag
        imag = mask.real * spectrum.imag + mask.imag * spectrum.real
        return Spectrum(real + made.real, imag + made.imag)
