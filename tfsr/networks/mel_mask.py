"""How VoiceFixer's analysis (Liu et al. 2022, section 3.1) applies a network to a mel spectrogram.

The models here take a linear mel spectrogram, float32 [batch, frames, bands] as `MelSpectrogram`
gives it. They estimate the restored one in the domain in which it is compared with the target.
`features` maps to that domain. `mel` maps back, to the input of the vocoder. Training compares
`estimates` with their `targets`, by name.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.description.describable import Describable
from tfsr.networks.mel_denoiser import MelDenoiser
from tfsr.networks.resunet import ResUNet
from tfsr.signal.mel import from_log_mel, log_mel

_EPSILON = 1e-8


class MelMask(Describable, keras.Model):
    """A network adds to log10 mel, which multiplies the mel: as in the authors' training code.

    Args:
        network: [batch, frames, bands, 1] -> the same shape, such as `ResUNet`.

    Attributes:
        ratio, hop, receptive_field: the network's, in frames.
    """

    def __init__(self, network: keras.Model, name: str | None = None):
        # float32 in mixed precision too: of a mel's range, half precision lacks the lower end.
        super().__init__(name=name, dtype="float32")
        self.network = network
        self.ratio = network.ratio
        self.hop = network.hop
        self.receptive_field = network.receptive_field

    def features(self, mel: tf.Tensor) -> tf.Tensor:
        """A linear mel spectrogram, mapped to the domain of the estimate."""
        return log_mel(mel)

    def mel(self, estimate: tf.Tensor) -> tf.Tensor:
        """An estimate, mapped to a linear mel spectrogram."""
        return from_log_mel(estimate)

    def estimates(self, mel: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """All estimates, by name; "mel" is the result of `call`."""
        return {"mel": self(mel, training=training)}

    def targets(self, mel: tf.Tensor) -> dict[str, tf.Tensor]:
        """The targets of `estimates`, for this restored mel spectrogram."""
        return {"mel": self.features(mel)}

    def call(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self.features(mel)
        return features + self._estimate([features], training)

    def _estimate(self, images: list[tf.Tensor], training: bool) -> tf.Tensor:
        """The network's output for its input channels, [batch, frames, bands] each."""
        output = self.network(tf.stack(images, axis=-1), training=training)[..., 0]
        return tf.cast(output, tf.float32)


class LinearMelMask(MelMask):
    """The network's output times the mel: the paper's equation, for linear mels.

    1 is added to the output; its bias could do the same. So the highest band, which ResUNet does
    not see, stays as it is. The estimate has no lower bound; `mel` gives it one.
    """

    def features(self, mel: tf.Tensor) -> tf.Tensor:
        return mel

    def mel(self, estimate: tf.Tensor) -> tf.Tensor:
        return tf.maximum(estimate, 0.0)

    def call(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        return (1 + self._estimate([mel], training)) * (mel + _EPSILON)


class DenoisedMelMask(MelMask):
    """The released analysis, older than the paper's; by default it has 70,377,009 parameters.

    A denoiser masks the linear mel. The network sees log10 of the original and the denoised mel,
    and adds to the denoised one. Its loss does not train the denoiser. The authors compared the
    denoised mel with the band-limited speech before noise was added. Here it is compared with the
    target, since training knows only that.

    Args:
        network: [batch, frames, bands, 2] -> [batch, frames, bands, 1].
        denoiser: [batch, frames, bands, 1] -> a mask, [batch, frames, bands, 1].
    """

    def __init__(
        self,
        network: keras.Model | None = None,
        denoiser: keras.Model | None = None,
        name: str | None = None,
    ):
        super().__init__(network or ResUNet(inputs=2, momentum=0.99), name=name)
        self.denoiser = denoiser or MelDenoiser()
        self.receptive_field = None

    def estimates(self, mel: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        return dict(zip(("mel", "denoised"), self.with_denoised(mel, training), strict=True))

    def targets(self, mel: tf.Tensor) -> dict[str, tf.Tensor]:
        return super().targets(mel) | {"denoised": mel}

    def call(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.with_denoised(mel, training)[0]

    def with_denoised(self, mel: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """The estimate as log10 mel, and the linear mel from the denoiser."""
        mask = self.denoiser(mel[..., tf.newaxis], training=training)[..., 0]
        denoised = tf.cast(mask, tf.float32) * mel
        base = tf.stop_gradient(log_mel(denoised))
        return base + self._estimate([log_mel(mel), base], training), denoised
