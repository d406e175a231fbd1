"""Weight normalisation (Salimans & Kingma 2016)."""

import tensorflow as tf

from tfsr.layers.convolution import Conv1D


class WeightNormConv1D(Conv1D):
    """A convolution whose kernel is gain * direction / |direction|, for each filter.

    The norm goes over taps and input channels. `gain` [filters] begins as the norm of the
    direction, so that the kernel begins as what `kernel_initializer` gives. The attribute `kernel`
    is the direction, [taps, inputs, filters]; the length of that has no effect.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        super().build(input_shape)
        self.gain = self.add_weight(
            "gain", [self.filters], initializer=lambda *_, **__: _norm(self.kernel)
        )

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return super().convolution_op(inputs, self._normalized(kernel))

    @property
    def normalized_kernel(self) -> tf.Tensor:
        """What convolves, [taps, inputs, filters]."""
        return self._normalized(self.kernel)

    def _normalized(self, direction: tf.Tensor) -> tf.Tensor:
        direction = tf.convert_to_tensor(direction)  # in half precision, where Keras says so
        scale = tf.cast(self.gain, tf.float32) / _norm(direction)
        return direction * tf.cast(scale, direction.dtype)


def _norm(direction: tf.Tensor) -> tf.Tensor:
    """[taps, inputs, filters] -> [filters], in float32, whose range half precision lacks."""
    return tf.sqrt(tf.reduce_sum(tf.square(tf.cast(direction, tf.float32)), axis=[0, 1]))
