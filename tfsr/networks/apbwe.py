"""AP-BWE's generator (Lu, Ai, Du & Ling 2024, "Towards high-quality and efficient speech bandwidth
extension with parallel amplitude and phase prediction").

Two streams of ConvNeXt blocks run over frames: one for log amplitudes, one for phases. Before every
block, each stream is added to the other. Layer sizes, initial weights and wiring are those of the
authors' code.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.description.describable import Describable
from tfsr.layers.convnext import ConvNeXt
from tfsr.layers.convolution import fan_in_dense
from tfsr.signal.polar import Polar

_KERNEL = 7


class APBWE(Describable, keras.Model):
    """(log amplitude, phase), float32 [batch, frames, bins] -> `Polar` of the same shape.

    The network adds to the logarithm of the given amplitude. It predicts the whole phase anew, also
    in the given band. With the defaults: 29,760,515 parameters.

    Args:
        bins: number of bins of the spectra.
        channels: number of channels of both streams.
        blocks: number of blocks of each stream.

    Attributes:
        ratio: 1, the number of frames stays the same.
        hop: 1, any number of frames is allowed.
        receptive_field: frames on each side that a frame depends on, 27.
    """

    ranges = dict.fromkeys(("bins", "channels", "blocks"), COUNT)

    ratio = 1
    hop = 1

    def __init__(
        self, bins: int = 513, channels: int = 512, blocks: int = 8, name: str | None = None
    ):
        # What is added to the log amplitude is added in float32, also in mixed precision.
        super().__init__(name=name, autocast=False)
        self.bins = bins
        self.amplitude, self.phase = (
            ConvNeXt(channels, blocks, _KERNEL, input_kernel=_KERNEL) for _ in range(2)
        )
        self.receptive_field = max(self.amplitude.receptive_field)
        self.added = _head(channels, bins)
        self.real = _head(channels, bins)
        self.imag = _head(channels, bins)

    def call(self, log_amplitude: tf.Tensor, phase: tf.Tensor, training: bool = False) -> Polar:
        """Widen the band.

        Args:
            log_amplitude: natural logarithm.
            phase: in radians.
        """
        a, p = _begun(self.amplitude, log_amplitude), _begun(self.phase, phase)
        for of_amplitude, of_phase in zip(self.amplitude.blocks, self.phase.blocks, strict=True):
            a = a + p
            p = p + a  # which has p in it already, as in the authors' code
            a, p = of_amplitude(a), of_phase(p)
        a, p = self.amplitude.last_norm(a), self.phase.last_norm(p)
        return Polar(log_amplitude + self.added(a), self.real(p), self.imag(p))


def _begun(stream: ConvNeXt, features: tf.Tensor) -> tf.Tensor:
    """[batch, frames, bins] -> [batch, frames, channels], the input of the first block."""
    return stream.first_norm(stream.start(features))


def _head(channels: int, bins: int) -> keras.layers.Dense:
    """The last layer of a stream, in float32 even with mixed precision."""
    return fan_in_dense(channels, bins, dtype="float32")
