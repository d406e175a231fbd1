"""Streams that share a back end."""

import numpy as np
import pytest

from tfsr.inference.many import Many


def test_each_stream_has_its_own_state(doubling):
    many = Many(doubling, 3)
    first, second = many.begin(), many.begin()
    ones = np.ones([2, 80], np.float32)
    assert not many.step([first, second], ones).any()
    assert many.step([second], 2 * ones[:1]).all()
    np.testing.assert_array_equal(many.step([first, second], ones), [[1] * 160, [2] * 160])


def test_a_place_that_is_given_back_begins_anew(doubling):
    many = Many(doubling, 1)
    place = many.begin()
    many.step([place], np.ones([1, 80], np.float32))
    assert many.full
    many.end(place)
    assert not many.step([many.begin()], np.ones([1, 80], np.float32)).any()


@pytest.mark.parametrize("places", [1, 2, 5])
def test_together_they_are_as_each_alone(streaming, places):
    low = np.random.default_rng(0).normal(0, 0.1, [3, places, streaming.hop]).astype(np.float32)
    many = Many(streaming, places)
    taken = [many.begin() for _ in range(places)]
    made = [many.step(taken, hops) for hops in low]
    state = streaming.initial_state()
    for hops, high in zip(low, made, strict=True):
        expected, state = streaming.step(hops[-1:], state)
        np.testing.assert_allclose(high[-1:], expected, rtol=0, atol=1e-5)
