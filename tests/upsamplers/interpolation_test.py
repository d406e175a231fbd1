import numpy as np
import tensorflow as tf

from tfsr.signal.interpolation import Linear
from tfsr.upsamplers.interpolation import Interpolation

TINY = {f"configs/{name}.gin": ["PATCH = 512"] for name in ("spline", "linear", "flat")}


def test_interpolation_has_no_weights_and_nothing_to_train():
    upsampler = Interpolation(8000, 16000, Linear())
    upsampler.initialize()
    assert upsampler.count_params() == 0
    np.testing.assert_allclose(upsampler.upsample(tf.constant([[0.0, 2.0]])), [[0, 1, 2, 2]])
