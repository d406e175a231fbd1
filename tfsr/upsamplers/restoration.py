"""Speech restoration through spectrograms: VoiceFixer and its baseline (Liu et al. 2022).

Both go from 44.1 kHz to 44.1 kHz; a recording at another rate is first brought there. Their
receptive fields are many seconds: the networks halve the resolution six times, and the vocoder has
dilations up to 2187. A chunk of a long signal sees only one second on each side.
"""

import math

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import NOT_NEGATIVE
from tfsr.errors import UserError
from tfsr.layers.convolution import time_of
from tfsr.layers.random import seeded
from tfsr.networks.mel_mask import MelMask
from tfsr.networks.resunet import ResUNet
from tfsr.signal.band import without_empty_band
from tfsr.signal.mel import MelSpectrogram, magnitude, with_magnitude
from tfsr.signal.stft import istft
from tfsr.upsamplers.base import Signature, Upsampler
from tfsr.upsamplers.optimizers import WarmUpDecay
from tfsr.upsamplers.trainable import kept, with_total
from tfsr.upsamplers.update import Batch, Losses
from tfsr.upsamplers.vocoder import Vocoder

_CONTEXT_SECONDS = 1.0
_FADE_SECONDS = 0.1
_CHUNK_SECONDS = 6


def voicefixer_adam(
    learning_rate: float = 3e-4, warm_up: int = 1000, every: int = 20_000, amsgrad: bool = False
) -> keras.optimizers.Optimizer:
    """The paper's optimizer; the authors' code has 5e-4, 100, 40,000 and True.

    Args:
        learning_rate: after the warm-up.
        warm_up: number of steps of the rise from 0.
        every: number of steps after which the rate falls by a tenth; 20,000 are 400 h of patches
            of 3 s in batches of 24.
        amsgrad: whether the maximum of all second moments is used.
    """
    rate = WarmUpDecay(learning_rate, warm_up, 0.9, every)
    return keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8, amsgrad=amsgrad)


class Restoration(Upsampler):
    """Restoration at one rate, in chunks that see `context_seconds` on each side."""

    ranges = {"context_seconds": NOT_NEGATIVE}

    restores = True

    def __init__(
        self, rate: int, context_seconds: float, optimizer: keras.optimizers.Optimizer | None
    ):
        super().__init__(rate, rate, optimizer or voicefixer_adam())
        self._context_seconds = context_seconds
        self.context, self.fade = int(context_seconds * rate), int(_FADE_SECONDS * rate)

    @property
    def chunk(self) -> int:
        return _CHUNK_SECONDS * self.input_rate


class VoiceFixer(Restoration):
    """A network restores the mel spectrogram, and a vocoder makes the signal from it.

    Only the network is trained here. The vocoder is trained separately. Its weights are loaded
    before the first step: `Experiment.pretrained = {'vocoder.network': 'runs/vocoder'}`.

    Args:
        network: a mask on mel spectrograms, one of `tfsr.networks.mel_mask`'s.
        vocoder: also defines the mel spectrograms, and where the signal is cut.
        mode: 0 works as trained. 1 first removes noise above the band in use. 2 is for speech that
            is more damaged than in training: the network uses dropout as in training, and
            normalises each recording by its own statistics. The authors recommend 0. Unlike
            theirs, mode 2 does not change the running statistics.
        context_seconds: see `Backend.context`. The authors' code has none, for chunks of 30 s.
        optimizer: `voicefixer_adam()` unless given.

    Raises:
        UserError: the mode is none of these.
    """

    def __init__(
        self,
        network: MelMask,
        vocoder: Vocoder,
        mode: int = 0,
        context_seconds: float = _CONTEXT_SECONDS,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        if mode not in (0, 1, 2):
            raise UserError(f"VoiceFixer.mode is {mode}; it must be 0, 1 or 2")
        super().__init__(vocoder.input_rate, context_seconds, optimizer)
        self.network = network
        self.vocoder = vocoder
        self.vocoder.trainable = False
        self.mode = mode
        self.loss_names = ("loss", *network.targets(tf.zeros([1, 1, vocoder.spectrogram.bands])))
        frame = vocoder.spectrogram.hop_length
        self.frame_rate = vocoder.frame_rate
        self.hop = math.lcm(network.hop * frame, vocoder.hop)
        frames, samples = network.receptive_field, vocoder.receptive_field
        if frames is not None and samples is not None:
            self.receptive_field = frames * frame + samples

    def in_mode(self, mode: int) -> "VoiceFixer":
        """The same networks in another mode."""
        return VoiceFixer(self.network, self.vocoder, mode, self._context_seconds)

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        """Mean absolute differences over frames and bands, in the domain of the estimates."""
        estimates = self.network.estimates(self.vocoder.spectrogram(batch["low"]), training)
        targets = self.network.targets(self.vocoder.spectrogram(batch["high"]))
        return with_total({n: _mean_difference(estimates[n], targets[n]) for n in targets})

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.vocoder.resynthesize(self.restored_mel(low), time_of(low))

    def restored_mel(self, low: tf.Tensor) -> tf.Tensor:
        """The restored linear mel spectrogram.

        Args:
            low: float32 [batch, time], any time >= 1.

        Returns:
            float32 [batch, frames, bands].
        """
        if self.mode == 2:
            return tf.map_fn(lambda one: self._by_own_statistics(one[tf.newaxis])[0], low)
        mel = self.vocoder.spectrogram(without_empty_band(low) if self.mode == 1 else low)
        return self.network.mel(self.network(mel))

    @property
    def signatures(self) -> dict[str, Signature]:
        """The whole, and its two stages: "analysis" gives {"mel"}, "synthesis" takes it."""
        bands = self.vocoder.spectrogram.bands
        return super().signatures | {
            "analysis": Signature(
                lambda audio: {"mel": self.restored_mel(audio)},
                {"audio": tf.TensorSpec([None, None])},
            ),
            "synthesis": Signature(
                lambda mel: self.vocoder.resynthesize(mel, self._samples(mel)),
                {"mel": tf.TensorSpec([None, None, bands])},
            ),
        }

    def _samples(self, mel: tf.Tensor) -> tf.Tensor:
        return time_of(mel) * self.vocoder.spectrogram.hop_length

    def _by_own_statistics(self, low: tf.Tensor) -> tf.Tensor:
        with kept(self.network.non_trainable_variables), seeded(tf.zeros([2], tf.int32)):
            estimate = self.network(self.vocoder.spectrogram(low), training=True)
        return self.network.mel(estimate)


class BaselineUNet(Restoration):
    """A network restores the magnitudes, and the phases are kept: VoiceFixer's one-stage baseline.

    Args:
        network: [batch, frames, bins, 1] -> [batch, frames, bins, 1]; `ResUNet()`, with 65,152,867
            parameters, unless given.
        spectrogram: sets the rate and the frames; its bands are not used.
        masked: whether the network's output is multiplied with the magnitudes; by default it is
            the magnitudes themselves, as in the authors' code.
        context_seconds: see `Backend.context`.
        optimizer: `voicefixer_adam()` unless given.
    """

    def __init__(
        self,
        network: keras.Model | None = None,
        spectrogram: MelSpectrogram = MelSpectrogram(),
        masked: bool = False,
        context_seconds: float = _CONTEXT_SECONDS,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(spectrogram.rate, context_seconds, optimizer)
        self.network = network or ResUNet()
        self.spectrogram = spectrogram
        self.masked = masked
        frame = spectrogram.hop_length
        self.frame_rate = spectrogram.rate / frame
        self.hop = self.network.hop * frame
        # A sample depends on the frames around it, and these on the samples around them.
        self.receptive_field = self.network.receptive_field * frame + spectrogram.n_fft

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        """The mean absolute difference between the magnitudes of estimate and target."""
        estimate = self._estimate(batch["low"], training)
        signals = estimate, batch["high"]
        loss = _mean_difference(*(magnitude(self.spectrogram.spectrum(x)) for x in signals))
        return {"loss": loss}

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._estimate(low, training=False)

    def _estimate(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        spectrum = self.spectrogram.spectrum(low)
        given = magnitude(spectrum)
        output = self.network(given[..., tf.newaxis], training=training)[..., 0]
        wanted = given * output if self.masked else output
        hop_length = self.spectrogram.hop_length
        return istft(with_magnitude(spectrum, wanted), hop_length, time_of(low))


def _mean_difference(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.abs(a - b), axis=[1, 2])
