"""Codes as vectors, and their projections as sums of table rows."""

import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.convolution import time_of

_ORDERS = ("position", "embedding")


class CodeEmbedding(keras.layers.Layer):
    """[batch, time, positions] of codes -> [batch, time, positions * size].

    A linear map of the output is a sum over positions. Each term of the sum is one of `codes`
    vectors. `tables` computes all of these vectors, and `look_up` adds up the right ones. The
    result is the same, with `positions` additions instead of positions * size multiplications.

    Args:
        codes: number of codes; an input is a whole number from 0 to codes - 1, of any type.
        size: size of a code's vector.
        order: "position": channel = position * size + element; "embedding": channel = element *
            positions + position.

    Raises:
        UserError: `order` is none of these.
    """

    def __init__(self, codes: int, size: int, order: str = "position"):
        super().__init__(autocast=False)
        if order not in _ORDERS:
            raise UserError(f'CodeEmbedding.order is "{order}": choose one of {_ORDERS}')
        self.codes = codes
        self.size = size
        self.order = order

    def build(self, input_shape: tf.TensorShape) -> None:
        initializer = keras.initializers.RandomNormal(stddev=self.size**-0.5)
        self.vectors = self.add_weight("vectors", [self.codes, self.size], initializer=initializer)
        super().build(input_shape)

    def call(self, codes: tf.Tensor) -> tf.Tensor:
        positions = codes.shape[-1]
        # The gradient of a reshaped table is dense. A sparse one repeats the codes that occur
        # repeatedly, and clipping by the norm of all gradients would take its norm for another.
        vectors = tf.gather(tf.reshape(self.vectors, [self.codes, -1]), tf.cast(codes, tf.int32))
        if self.order == "embedding":
            vectors = tf.transpose(vectors, [0, 1, 3, 2])
        return tf.reshape(vectors, [-1, time_of(codes), positions * self.size])

    def tables(self, kernel: tf.Tensor) -> tf.Tensor:
        """All terms of a projection.

        Args:
            kernel: [positions * size, outputs]; its rows are the channels that `call` gives.

        Returns:
            [positions, codes, outputs].
        """
        outputs = kernel.shape[-1]
        if self.order == "embedding":
            kernel = tf.transpose(tf.reshape(kernel, [self.size, -1, outputs]), [1, 0, 2])
        else:
            kernel = tf.reshape(kernel, [-1, self.size, outputs])
        return tf.matmul(self.vectors, kernel)

    def look_up(self, codes: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
        """The product of the embedded codes and the kernel of the tables.

        Args:
            codes: [batch, time, positions].
            tables: output of `tables`.

        Returns:
            [batch, time, outputs].
        """
        positions, _, outputs = tables.shape
        rows = tf.cast(codes, tf.int32) + self.codes * tf.range(positions)
        # Adds while it reads: a sum of gathered rows would write every term to memory first.
        sums = tf.sparse.segment_sum(
            tf.reshape(tables, [-1, outputs]),
            tf.reshape(rows, [-1]),
            tf.repeat(tf.range(tf.size(rows) // positions), positions),
        )
        return tf.reshape(sums, [-1, time_of(codes), outputs])


class Unembedded(keras.layers.Layer):
    """Numbers [batch, time, positions] that are passed on unchanged, with the same interface."""

    size = 1

    def __init__(self):
        super().__init__(autocast=False)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, self.compute_dtype)

    def tables(self, kernel: tf.Tensor) -> tf.Tensor:
        """The kernel itself, [positions, outputs]."""
        return kernel

    def look_up(self, x: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
        """[batch, time, outputs]"""
        return tf.matmul(x, tables)
