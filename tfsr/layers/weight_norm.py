"""Weight normalisation (Salimans & Kingma 2016)."""

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.convolution import Conv1D, Conv2D, time_of


class _GainAndDirection(keras.layers.Layer):
    """Mixin of a convolution: kernel = gain * direction / |direction| for each last index."""

    def build(self, input_shape: tf.TensorShape) -> None:
        super().build(input_shape)
        self.gain = self.add_weight(
            "gain", self.kernel.shape[-1:], initializer=lambda *_, **__: _norm(self.kernel)
        )

    @property
    def normalized_kernel(self) -> tf.Tensor:
        """The kernel of the convolution, with the shape of `kernel`."""
        return self._normalized(self.kernel)

    def _normalized(self, direction: tf.Tensor) -> tf.Tensor:
        direction = tf.convert_to_tensor(direction)  # in half precision, where Keras says so
        scale = tf.cast(self.gain, tf.float32) / _norm(direction)
        return direction * tf.cast(scale, direction.dtype)


class _OfEachFilter(_GainAndDirection):
    """Mixin of a convolution whose kernel has the filters as its last index."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return super().convolution_op(inputs, self._normalized(kernel))


class WeightNormConv1D(_OfEachFilter, Conv1D):
    """A convolution whose kernel is gain * direction / |direction|, for each filter.

    The norm is over taps and input channels. `gain` [filters] starts as the norm of the direction.
    So the kernel starts with the values of `kernel_initializer`. The attribute `kernel` is the
    direction, [taps, inputs, filters]; its length has no effect.
    """


class WeightNormConv2D(_OfEachFilter, Conv2D):
    """`WeightNormConv1D` in two dimensions; `kernel` is [rows, columns, inputs, filters]."""


class WeightNormConv1DTranspose(_GainAndDirection, keras.layers.Conv1DTranspose):
    """A transposed convolution whose kernel is gain * direction / |direction|, for each input.

    As in PyTorch, the norm is over taps and filters, and `gain` is [inputs]. The attribute `kernel`
    is the direction, [taps, filters, inputs]. There is no padding ("valid"), and the kernel is not
    shorter than the stride: n times become (n - 1) * stride + taps.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        (stride,), (taps,) = self.strides, self.kernel_size
        time = (time_of(x) - 1) * stride + taps
        y = tf.nn.conv1d_transpose(
            x, self.normalized_kernel, [tf.shape(x)[0], time, self.filters], stride, "VALID"
        )
        y.set_shape([None, None, self.filters])
        return tf.nn.bias_add(y, self.bias)


def _norm(direction: tf.Tensor) -> tf.Tensor:
    """Norm over all axes but the last, in float32, since half precision lacks the range."""
    axes = list(range(len(direction.shape) - 1))
    return tf.sqrt(tf.reduce_sum(tf.square(tf.cast(direction, tf.float32)), axis=axes))
