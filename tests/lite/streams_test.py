"""Streams of exported files."""

import numpy as np
import pytest

from tfsr.errors import UserError
from tfsr.inference.chunks import upsample_array
from tfsr.lite.backend import LiteBackend
from tfsr.lite.streams import LiteStreams


def test_hop_by_hop_equals_the_whole(for_streams, exported, streaming):
    streams, whole = LiteStreams(for_streams), LiteBackend(exported)
    assert (streams.hop, streams.ratio, streams.latency_ms) == (
        *(streaming.hop, streaming.ratio, streaming.latency_ms),
    )
    low = np.random.default_rng(0).normal(0, 0.1, 200 * streams.hop).astype(np.float32)
    state, made = streams.initial_state(), []
    for hop in low.reshape(200, 1, streams.hop):
        high, state = streams.step(hop, state)
        assert high.shape == (1, streams.ratio * streams.hop)
        made.append(high[0])
    late = np.concatenate(made)[streaming.delay :]
    expected = upsample_array(whole, low)[: len(late)]
    np.testing.assert_allclose(late, expected, rtol=0, atol=1e-5)


def test_streams_do_not_know_of_each_other(for_streams):
    streams = LiteStreams(for_streams)
    hop = np.ones([1, streams.hop], np.float32)
    begin = streams.initial_state()
    first, state = streams.step(hop, begin)
    streams.step(hop, state)
    again, _ = streams.step(hop, streams.initial_state())
    np.testing.assert_array_equal(again, first)
    assert not any(x.any() for x in begin.values())


def test_a_file_for_whole_recordings_is_refused(exported):
    with pytest.raises(UserError, match="model.tflite: is for whole recordings; export it with"):
        LiteStreams(exported)


@pytest.mark.parametrize("batch", [1, 3, 86])
def test_many_at_once_are_as_each_alone(for_streams, for_many, batch):
    alone, many = LiteStreams(for_streams), LiteStreams(for_many)
    hops = np.random.default_rng(0).normal(0, 0.1, [2, batch, alone.hop]).astype(np.float32)
    states = alone.initial_state(batch), many.initial_state(batch)
    for hop in hops:
        (one, first), (other, second) = map(LiteStreams.step, (alone, many), (hop, hop), states)
        states = first, second
        assert one.shape == other.shape == (batch, 2 * alone.hop)
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-6)
    last, _ = alone.step(hops[1, -1:], alone.step(hops[0, -1:], alone.initial_state())[1])
    np.testing.assert_array_equal(one[-1:], last)
    for name, state in states[0].items():
        np.testing.assert_allclose(states[1][name], state, rtol=0, atol=1e-6)
