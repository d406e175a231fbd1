import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.networks.audiounet import AudioUNet
from tfsr.upsamplers.regression import Regression
from tfsr.upsamplers.update import Update


class UpAndDown(Regression):
    """Two updates, of a weight each, whose losses have the same name."""

    def __init__(self):
        super().__init__(AudioUNet((4,)), 8000, 16_000)
        self.up, self.down = tf.Variable(1.0), tf.Variable(1.0)
        self.optimizers = [keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0)]

    @property
    def updates(self):
        losses = (self._up_losses, self.up), (self._down_losses, self.down)
        return [
            Update("alike", ["loss"], losses_for, optimizer, [variable])
            for (losses_for, variable), optimizer in zip(losses, self.optimizers, strict=True)
        ]

    def _up_losses(self, batch, training):
        return {"loss": -self.up * tf.ones(tf.shape(batch["low"])[0])}

    def _down_losses(self, batch, training):
        return {"loss": 3 * self.down * tf.ones(tf.shape(batch["low"])[0])}


def test_updates_whose_losses_are_named_alike_have_gradients_of_their_own():
    upsampler = UpAndDown()
    upsampler.compile()
    upsampler.train_step({"low": tf.zeros([2, 8]), "seed": tf.zeros([2, 2], tf.int32)})
    np.testing.assert_array_equal([upsampler.up, upsampler.down], [2.0, -2.0])


def test_averages_begin_at_weights_that_come_after_the_optimizer():
    optimizer = keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.999)
    upsampler = Regression(AudioUNet((4,)), 8000, 16_000, optimizer=optimizer)
    upsampler.initialize()
    upsampler.compile()
    others = [weight + 1 for weight in upsampler.network.get_weights()]
    upsampler.network.set_weights(others)
    upsampler.begin_averages()
    upsampler.take_averages()
    for weight, other in zip(upsampler.network.get_weights(), others, strict=True):
        np.testing.assert_array_equal(weight, other)
