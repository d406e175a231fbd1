import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.code_embedding import CodeEmbedding, Unembedded

CODES, SIZE, POSITIONS = 7, 3, 4


def codes(batch: int = 2, time: int = 5) -> tf.Tensor:
    drawn = tf.random.stateless_uniform([batch, time, POSITIONS], [1, 2], 0, CODES, tf.int32)
    return tf.cast(drawn, tf.float32)


def built(order: str) -> CodeEmbedding:
    keras.utils.set_random_seed(0)
    layer = CodeEmbedding(CODES, SIZE, order)
    layer(codes())
    return layer


orders = pytest.mark.parametrize("order", ["position", "embedding"])


@orders
def test_channels_are_in_the_order_asked_for(order):
    layer = built(order)
    embedded = layer(codes()).numpy()
    assert embedded.shape == (2, 5, POSITIONS * SIZE)
    for position in range(POSITIONS):
        for element in range(SIZE):
            column = layer.vectors.numpy()[codes().numpy()[..., position].astype(int), element]
            first = order == "position"
            channel = position * SIZE + element if first else element * POSITIONS + position
            np.testing.assert_array_equal(embedded[..., channel], column)


def test_any_other_order():
    with pytest.raises(UserError, match='CodeEmbedding.order is "time": choose one of'):
        CodeEmbedding(CODES, SIZE, "time")


@orders
@pytest.mark.parametrize(("batch", "time"), [(1, 1), (3, 8)])
def test_tables_project_as_the_kernel_does(order, batch, time):
    layer = built(order)
    kernel = tf.random.stateless_normal([POSITIONS * SIZE, 6], [3, 4])
    tables = layer.tables(kernel)
    assert tables.shape == (POSITIONS, CODES, 6)
    looked_up = layer.look_up(codes(batch, time), tables)
    np.testing.assert_allclose(looked_up, layer(codes(batch, time)) @ kernel, atol=1e-5)


@orders
def test_unknown_batch_and_time(order):
    layer = built(order)
    kernel = tf.random.stateless_normal([POSITIONS * SIZE, 6], [3, 4])

    @tf.function(input_signature=[tf.TensorSpec([None, None, POSITIONS])])
    def both(codes):
        return layer(codes) @ kernel, layer.look_up(codes, layer.tables(kernel))

    for direct, looked_up in (both(codes(1, 9)), both(codes(3, 2))):
        np.testing.assert_allclose(looked_up, direct, atol=1e-5)


def test_numbers_are_projected_as_they_are():
    layer, x = Unembedded(), tf.random.stateless_normal([2, 5, POSITIONS], [5, 6])
    kernel = tf.random.stateless_normal([POSITIONS * layer.size, 6], [3, 4])
    np.testing.assert_array_equal(layer(x), x)
    looked_up = layer.look_up(x, layer.tables(kernel))
    np.testing.assert_allclose(looked_up, layer(x) @ kernel, atol=1e-5)


def test_the_gradient_is_dense_and_adds_up_over_repeated_codes():
    layer = built("position")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(tf.constant([[[2.0, 2.0, 5.0, 2.0]]])))
    gradient = tape.gradient(total, layer.vectors)
    assert isinstance(gradient, tf.Tensor)
    np.testing.assert_array_equal(gradient[:, 0], [0, 0, 3, 0, 0, 1, 0])


def test_vectors_start_with_unit_length_on_average():
    layer = CodeEmbedding(256, 400)
    layer(tf.zeros([1, 1, 1]))
    np.testing.assert_allclose(np.std(layer.vectors), 0.05, rtol=0.01)


def test_large_codes_are_exact_in_mixed_precision(mixed_precision):
    layer, last = CodeEmbedding(5000, 2), tf.constant([[[4097.0, 4999.0]]])
    embedded = layer(last)
    assert embedded.dtype == tf.float16
    expected = tf.reshape(tf.gather(layer.vectors, [4097, 4999]), [1, 1, 4])
    np.testing.assert_allclose(embedded, expected, rtol=1e-3)
