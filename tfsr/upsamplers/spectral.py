"""The low band as it is, and above it what a network makes of spectra: whole files and streams.

Interpolation and upper bins are computed separately and added. Up to `passed` of the low Nyquist
frequency the output is the interpolated input, whatever the network predicts. Only leakage of the
synthesis window from the bins above is added. Where these bins are at -20 dB, it is 63 to 74 dB
below the signal. (This is for random weights and the windows of the configurations.) To copy known
bins within one transform would be 2 to 5 dB worse. It would also cut them off anew in every frame.
"""

import math
from collections.abc import Callable, Mapping

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import ANY, SHARE
from tfsr.errors import UserError
from tfsr.layers.convolution import time_of
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.signal.resample import whole_ratio
from tfsr.signal.stft import Spectrum
from tfsr.signal.windowed_sinc import WindowedSinc
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.framewise import Framewise
from tfsr.upsamplers.reconstruction import Loss
from tfsr.upsamplers.update import Batch

# From the band that is left alone to the first upper bin, in bins of a frame as long as the
# synthesis window. What this spreads beyond them is 43 dB and more below the upper bins together;
# with none between it would be 16.
_BINS_APART = 2


class Spectral(Framewise):
    """Predict the upper bins of each frame from the lower ones, and add them to the interpolation.

    Args:
        network: makes the network when it is called with `outputs`, their number: Spectrum of the
            known bins -> Spectrum of the upper ones, as `UpperBins`.
        input_rate, output_rate, losses, codec, weights, adversarial, optimizer: see `Framewise`.
        level_db: by how much the upper bins are louder, or softer, than the network predicts them,
            but in training. Softer ones cost LSD and are less of a noise to PESQ.
        passed: share of the low Nyquist frequency up to which the low-rate signal is left alone.
            The upper bins begin two bins, as wide as the synthesis window has them, above it.
        interpolation: brings the low-rate signal to the output rate.

    Raises:
        UserError: frames that the ratio does not divide, or too short for the interpolation.
    """

    ranges = Framewise.ranges | {"level_db": ANY, "passed": SHARE}

    def __init__(
        self,
        network: Callable[..., UpperBins],
        input_rate: int,
        output_rate: int,
        losses: Mapping[str, Loss],
        codec: FrameCodec = FrameCodec(512, 128),
        weights: Mapping[str, float] | None = None,
        adversarial: Adversarial | None = None,
        level_db: float = 0.0,
        passed: float = 0.9,
        interpolation: WindowedSinc = WindowedSinc(),
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        ratio = whole_ratio(output_rate, input_rate)
        _check_reach(interpolation.reach, (codec.support - codec.hop_length) // ratio)
        super().__init__(
            network,
            codec.bins - _first_bin(codec, passed, ratio),
            *(input_rate, output_rate, losses, codec, interpolation.reach),
            *(weights, adversarial, optimizer),
        )
        self.interpolation = interpolation
        self.level_db, self._gain = level_db, 10 ** (level_db / 20)

    def given(self, batch: Batch) -> tf.Tensor:
        return self.interpolation(batch["low"], self.ratio)

    def framed(self, frames: Spectrum, training: bool) -> tf.Tensor:
        upper = self.codec.synthesize(frames)
        return upper if training else self._gain * upper

    def beside(self, x: tf.Tensor) -> tf.Tensor:
        reach = self.interpolation.reach
        last = time_of(x) - (self._late - reach)
        return self.interpolation.inside(x[:, self._past - self._late - reach : last], self.ratio)


def _first_bin(codec: FrameCodec, passed: float, ratio: int) -> int:
    """Of those that are predicted."""
    distance = _BINS_APART * codec.n_fft / codec.support
    return math.ceil(passed * codec.n_fft / (2 * ratio) + distance)


def _check_reach(reach: int, known: int) -> None:
    """Raise UserError unless the interpolation waits no longer than the frames do."""
    if reach > known:
        raise UserError(
            f"WindowedSinc.reach is {reach} input samples, and frames wait for {known} only: "
            "choose a shorter reach or a longer FrameCodec.hop_length"
        )
