"""Restoration of speech, frame by frame: noise, rooms, clipping, missing bands."""

from collections.abc import Callable, Mapping

import tensorflow as tf
import tf_keras as keras

from tfsr.networks.restored_bins import RestoredBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.framewise import Framewise
from tfsr.upsamplers.reconstruction import Loss
from tfsr.upsamplers.update import Batch


class SpectralRestoration(Framewise):
    """Restore the bins of each frame of a damaged signal.

    The output is aligned with the input, also in phase, so that both can be mixed.

    Args:
        network: makes the network when it is called with `outputs`, the number of all bins of a
            frame: Spectrum -> Spectrum, as `RestoredBins`.
        rate: Hz, of input and output.
        losses, codec, weights, adversarial, optimizer: see `Framewise`.
    """

    restores = True

    def __init__(
        self,
        network: Callable[..., RestoredBins],
        rate: int,
        losses: Mapping[str, Loss],
        codec: FrameCodec = FrameCodec(512, 128),
        weights: Mapping[str, float] | None = None,
        adversarial: Adversarial | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        training = weights, adversarial, optimizer
        super().__init__(network, codec.bins, rate, rate, losses, codec, 0, *training)

    def given(self, batch: Batch) -> tf.Tensor:
        return batch["low"]
