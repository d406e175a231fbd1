"""A compact network that restores each frame by a complex mask and a generated spectrum.

The mask changes the bins of the damaged input (Williamson et al. 2016, "Complex ratio masking for
monaural speech separation"). Where they hold nothing of the original, the network adds a spectrum
of its own. Heads like those of AP-BWE (Lu et al. 2024) make it.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.networks.spectral_trunk import SpectralTrunk
from tfsr.signal.stft import Spectrum


class RestoredBins(SpectralTrunk):
    """Spectrum [batch, frames, outputs] -> Spectrum of the same shape: of the undamaged signal.

    With the defaults and 257 bins: 1,268,965 parameters.

    Args:
        outputs: number of bins, of input and output.
        channels, blocks, kernel, input_kernel, expansion, causal: see `SpectralTrunk`. Noise and
            reverberation last long, so the kernels are long.
    """

    # Nepers. What is added begins 43 dB below the mean level of a frame, so that the output is the
    # input at first.
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
        self.mask_real, self.mask_imag = (
            keras.layers.Dense(outputs, kernel_initializer="zeros", dtype="float32")
            for _ in range(2)
        )

    def bins(self, x: tf.Tensor, level: tf.Tensor, spectrum: Spectrum) -> Spectrum:
        made = self.generated(x, level)
        mask = Spectrum(1 + self.mask_real(x), self.mask_imag(x))
        real = mask.real * spectrum.real - mask.imag * spectrum.imag
        imag = mask.real * spectrum.imag + mask.imag * spectrum.real
        return Spectrum(real + made.real, imag + made.imag)
