import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr import nest
from tfsr.backend import Part

NESTS = st.recursive(
    st.integers(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(NESTS)
def test_the_order_is_that_of_tensorflow(tree):
    assert nest.flatten(tree) == tf.nest.flatten(tree)


@given(NESTS)
def test_pack_is_the_inverse_of_flatten(tree):
    leaves = nest.flatten(tree)
    packed = nest.pack(tree, leaves)
    assert packed == tree and repr(packed) == repr(tree)
    other = list(map(str, leaves))
    assert nest.pack(tree, other) == tf.nest.pack_sequence_as(tree, other)


@given(NESTS)
def test_a_function_is_mapped_over_all_leaves(tree):
    expected = tf.nest.map_structure(lambda a, b: a + 2 * b, tree, tree)
    assert nest.map_structure(lambda a, b: a + 2 * b, tree, tree) == expected


@pytest.mark.parametrize("tree", [(), {}, [], {"a": ()}])
def test_nothing_stays_nothing(tree):
    assert nest.flatten(tree) == [] and nest.map_structure(np.negative, tree) == tree


def test_leaves_are_arrays_and_not_looked_into():
    x = np.arange(3)
    assert nest.flatten(x)[0] is x
    np.testing.assert_array_equal(nest.map_structure(np.negative, (x,))[0], -x)


def test_a_part_is_in_proportion_to_the_time():
    assert Part(2, 6, 10).of(10) == slice(2, 6)
    assert Part(2, 6, 10).of(5) == slice(1, 3)
    assert Part(2, 6, 10).of(30) == slice(6, 18)


def test_named_tuples_keep_their_names():
    assert nest.map_structure(lambda x: 2 * x, Part(1, 2, 3)) == Part(2, 4, 6)
