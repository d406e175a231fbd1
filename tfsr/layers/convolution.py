"""Convolutions with the two paddings that published systems use, and their initialisers."""

import math
from collections.abc import Callable, Iterable

import tensorflow as tf
import tf_keras as keras


class _Symmetric(keras.layers.Layer):
    """Adds `padding="symmetric"` to a convolution: kernel_size // 2 zeros on both sides.

    With stride 2 and even lengths, TensorFlow's "same" pads `(k - 3) / 2` on the left and
    `(k - 1) / 2` on the right. PyTorch usually pads `k // 2` on both sides. So networks made with
    one are shifted by an input sample in the other.
    """

    def __init__(
        self, filters: int, kernel_size: int | tuple[int, int], padding: str = "same", **kwargs
    ):
        self.symmetric = padding == "symmetric"
        super().__init__(
            filters, kernel_size, padding="valid" if self.symmetric else padding, **kwargs
        )

    def build(self, input_shape: tf.TensorShape) -> None:
        batch, *lengths, channels = input_shape
        super().build((batch, *(None for _ in lengths), channels))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.symmetric:
            x = tf.pad(x, [(0, 0), *((taps // 2, taps // 2) for taps in self.kernel_size), (0, 0)])
        return super().call(x)


class Conv1D(_Symmetric, keras.layers.Conv1D):
    """Keras' Conv1D, which can also have `padding="symmetric"`."""


class Conv2D(_Symmetric, keras.layers.Conv2D):
    """Keras' Conv2D, which can also have `padding="symmetric"`."""


def pad_to_multiple(x: tf.Tensor, multiple: int) -> tf.Tensor:
    """Append zeros to [batch, time, channels] until the time is a multiple of `multiple`."""
    return append_zeros(x, -time_of(x) % multiple)


def append_zeros(x: tf.Tensor, samples: int | tf.Tensor) -> tf.Tensor:
    """[batch, time, channels] -> [batch, time + samples, channels].

    After tf.pad with a number that the graph does not know, the number of channels is unknown too.
    TensorFlow Lite has no convolution for that.
    """
    zeros = tf.zeros([tf.shape(x)[0], samples, x.shape[2]], x.dtype)
    return tf.concat([x, zeros], axis=1)


def time_of(x: tf.Tensor) -> int | tf.Tensor:
    """The length of axis 1: a number where the graph knows it, so that its cost can be counted."""
    return tf.shape(x)[1] if x.shape[1] is None else x.shape[1]


def leaky_maps(
    convolutions: Iterable[Callable], last: Callable, x: tf.Tensor, slope: float = 0.1
) -> list[tf.Tensor]:
    """The outputs of all convolutions of a critic; all but the last pass a leaky ReLU."""
    maps = []
    for convolution in convolutions:
        x = tf.nn.leaky_relu(convolution(x), slope)
        maps.append(x)
    return [*maps, last(x)]


class Keras1Orthogonal(keras.initializers.Initializer):
    """The "orthogonal" of Keras 1.2 for a convolution: rows of (k, in * out), times 1.1.

    Today's Orthogonal uses (k * in, out). In the deep layers of AudioUNet the two differ by factors
    of 2 to 10.
    """

    def __call__(self, shape, dtype=tf.float32, **kwargs):
        flat = keras.initializers.Orthogonal(gain=1.1)(
            [shape[0], tf.reduce_prod(shape[1:])], dtype=dtype
        )
        return tf.reshape(flat, shape)


def fan_in_uniform(fan_in: int, middle: float = 0.0) -> keras.initializers.Initializer:
    """PyTorch's default for biases, and for all of a dense layer: middle +- 1 / sqrt(fan_in)."""
    limit = 1 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(middle - limit, middle + limit)


def fan_in_dense(inputs: int, units: int, **options) -> keras.layers.Dense:
    """A dense layer with PyTorch's default initialisers."""
    return keras.layers.Dense(
        units,
        kernel_initializer=fan_in_uniform(inputs),
        bias_initializer=fan_in_uniform(inputs),
        **options,
    )
