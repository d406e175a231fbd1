"""A compact network that predicts the upper bins of each frame from the lower ones.

One trunk of ConvNeXt blocks for amplitude and phase together, heads as those of AP-BWE (Lu et al.
2024): log amplitude, and phase as the direction of a vector. With the defaults and 129 known, 139
upper bins: 436,065 parameters.
"""

import tensorflow as tf

from tfsr.networks.spectral_trunk import SpectralTrunk
from tfsr.signal.stft import Spectrum


class UpperBins(SpectralTrunk):
    """Spectrum [batch, frames, known bins] -> Spectrum [batch, frames, outputs], of the bins above.

    What it predicts is relative to the mean log amplitude of the known bins.

    Args:
        outputs: number of upper bins.
        channels, blocks, kernel, input_kernel, expansion, causal: see `SpectralTrunk`.
    """

    # Nepers. The upper bins begin 26 dB below the mean level of the known ones.
    initial_level = -3.0

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
        super().__init__(outputs, channels, blocks, kernel, input_kernel, expansion, causal, name)

    def bins(self, x: tf.Tensor, level: tf.Tensor, spectrum: Spectrum) -> Spectrum:
        return self.generated(x, level)
