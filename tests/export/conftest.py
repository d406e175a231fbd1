from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from google.protobuf import descriptor_pb2, message, message_factory, text_format, wrappers_pb2

from tfsr.networks.audiounet import AudioUNet
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.regression import Regression

# Of tensorflow_serving/servables/tensorflow/session_bundle_config.proto, which
# tensorflow-serving-api leaves out: name, number and type of the fields.
BATCHING_PARAMETERS = [
    ("max_batch_size", 1, "Int64Value"),
    ("batch_timeout_micros", 2, "Int64Value"),
    ("max_enqueued_batches", 3, "Int64Value"),
    ("num_batch_threads", 4, "Int64Value"),
    ("thread_pool_name", 5, "StringValue"),
    ("pad_variable_length_inputs", 7, "bool"),
]


class Drawing(Upsampler):
    """A convolution that shapes two draws of noise."""

    noise_steps = 2

    def __init__(self):
        super().__init__(8000, 24000)
        self.envelope = keras.layers.Conv1D(6, 5, padding="same")
        self.initialize()

    def upsample(self, low, noise=None):
        batch, time = tf.shape(low)[0], tf.shape(low)[1]
        draws = tf.reshape(tf.transpose(noise, [1, 2, 0]), [batch, time, 6])
        shaped = self.envelope(tf.expand_dims(low, -1)) * draws
        return tf.reduce_sum(tf.reshape(shaped, [batch, 3 * time, 2]), axis=-1)


class Foreign(Upsampler):
    """Has an operation that TensorFlow Lite lacks."""

    def __init__(self):
        super().__init__(8000, 8000)

    def upsample(self, low, noise=None):
        return tf.math.erfinv(low)


def unet() -> Regression:
    keras.utils.set_random_seed(2)
    upsampler = Regression(AudioUNet((4, 8, 8, 8)), 8000, 16000)
    upsampler.initialize()
    # The last layer starts near zero: with that an error anywhere in the network would not show.
    kernel = upsampler.network.last.kernel
    kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 2], stddev=0.2))
    return upsampler


@pytest.fixture(scope="session")
def batching_parameters() -> Callable[[str], message.Message]:
    """From the text of a `BatchingParameters` to the message."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="of_the_tests")
    file.syntax, file.dependency[:] = "proto3", [wrappers_pb2.DESCRIPTOR.name]
    described = file.message_type.add(name="BatchingParameters")
    for name, number, kind in BATCHING_PARAMETERS:
        field = described.field.add(name=name, number=number, label=1)
        field.type = field.TYPE_BOOL if kind == "bool" else field.TYPE_MESSAGE
        if kind != "bool":
            field.type_name = f".google.protobuf.{kind}"
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    make = message_factory.GetMessages([wrappers, file])["of_the_tests.BatchingParameters"]
    return lambda text: text_format.Parse(text, make())


@pytest.fixture(scope="session")
def upsamplers() -> dict[str, Upsampler]:
    return {"unet": unet(), "drawing": Drawing(), "foreign": Foreign()}


@pytest.fixture(scope="session")
def assert_equal():
    """Compares what was exported with Keras at ten lengths, three of them fixed."""

    def check(upsampler: Upsampler, exported: Callable, tolerance: float = 1e-4) -> None:
        random = np.random.default_rng(0)
        for time in (1, 2, 33, *random.integers(1, 5000, 7)):
            batch = int(random.integers(1, 4))
            low = random.uniform(-0.2, 0.2, [batch, time]).astype(np.float32)
            shape = [upsampler.noise_steps, batch, upsampler.ratio * time]
            noise = random.standard_normal(shape, np.float32)
            noises = [noise] if upsampler.noise_steps else []
            high = np.asarray(exported(low, *noises))
            assert high.shape == (batch, upsampler.ratio * time)
            expected = upsampler.serve(low, *noises)
            np.testing.assert_allclose(high, expected, rtol=0, atol=tolerance)

    return check
