"""Small critics of a band's spectrogram, for networks that make the upper band."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import BELOW_1, COUNT
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.convolution import leaky_maps
from tfsr.signal.stft import Spectrum, stft

_KERNELS = ((3, 9), (3, 9), (3, 9), (3, 3))
_STRIDES = ((1, 2), (1, 2), (1, 2), (1, 1))

# Log amplitudes of speech, made numbers around zero.
_FLOOR, _SCALE, _SHIFT = 1e-3, 0.3, 1.0

Maps = list[list[tf.Tensor]]


class SpectrogramCritics(Describable, keras.Model):
    """[batch, time, 2] -> scores, [batch, frames, bins, 1] of each resolution, in a list; any time.

    The first channel is the scored waveform, the second is the network's input. The critics see
    log amplitudes only. Of the first channel they see the generated band. Of the second they see as
    many bins, from 0 Hz on. Their frames should differ from those of the network, so that they
    detect a buzz at its frame rate. With the defaults: 51,603 parameters.

    Args:
        resolutions: n_fft and hop_length of each transform.
        first: share of the Nyquist frequency from which on the waveform is scored.
        channels: of all convolutions but the scoring one.
    """

    ranges = {"resolutions": COUNT, "channels": COUNT, "first": BELOW_1}

    def __init__(
        self,
        resolutions: Sequence[tuple[int, int]] = ((512, 128), (1024, 256), (256, 64)),
        first: float = 0.42,
        channels: int = 16,
        name: str | None = None,
    ):
        # The waveforms stay float32 in mixed precision too.
        super().__init__(name=name, autocast=False)
        self.resolutions = tuple(resolutions)
        self._first = first
        self.critics = [_Critic(channels) for _ in resolutions]

    def call(self, x: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        return [maps[-1] for maps in self.maps(x, training)]

    def maps(self, x: tf.Tensor, training: bool = False) -> Maps:
        """For each resolution, the outputs of all convolutions.

        Raises:
            UserError: there are not two channels.
        """
        if x.shape[-1] != 2:
            raise UserError(
                "SpectrogramCritics compares with what the network was given: set "
                "Adversarial.conditional to True"
            )
        pairs = zip(self.resolutions, self.critics, strict=True)
        return [critic(self._image(x, *resolution)) for resolution, critic in pairs]

    def _image(self, x: tf.Tensor, n_fft: int, hop_length: int) -> tf.Tensor:
        """[batch, frames, bins of the band, 2]."""
        scored, given = (_log_amplitude(x[..., i], n_fft, hop_length) for i in range(2))
        scored = scored[..., int(self._first * n_fft / 2) :]
        return tf.stack([scored, given[..., : scored.shape[-1]]], axis=-1)


class _Critic(keras.layers.Layer):
    """Maps an image to the outputs of all convolutions; the scores are the last."""

    def __init__(self, channels: int):
        super().__init__()
        self.convolutions = [
            keras.layers.Conv2D(channels, kernel, strides, padding="same")
            for kernel, strides in zip(_KERNELS, _STRIDES, strict=True)
        ]
        self.last = keras.layers.Conv2D(1, 3, padding="same", dtype="float32")

    def call(self, x: tf.Tensor) -> list[tf.Tensor]:
        return leaky_maps(self.convolutions, self.last, x)


def _log_amplitude(x: tf.Tensor, n_fft: int, hop_length: int) -> tf.Tensor:
    power = Spectrum.of(stft(x, n_fft, hop_length)).power
    # Half of the logarithm of a square: its gradient is finite where the amplitude is zero.
    return _SHIFT + _SCALE * 0.5 * tf.math.log(power + _FLOOR**2)
