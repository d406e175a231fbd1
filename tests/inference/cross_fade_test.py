"""Chunks that go over into one another."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.inference.chunks import upsample_blocks
from tfsr.inference.workers import Workers
from tfsr.upsamplers.base import Upsampler

REACH = 3


class Blurred(Upsampler):
    """Each sample with those around it, told apart at the ends, twice as many."""

    def __init__(self, context: int, fade: int):
        super().__init__(8000, 16000)
        self.context, self.fade, self.hop = context, fade, 2

    def upsample(self, low, noise=None):
        blurred = tf.nn.conv1d(low[..., tf.newaxis], tf.ones([2 * REACH + 1, 1, 1]), 1, "SAME")
        return tf.repeat(blurred[..., 0], 2, axis=1)


def streamed(upsampler: Blurred, low: np.ndarray, chunk: int, block: int) -> np.ndarray:
    blocks = (low[start : start + block] for start in range(0, len(low), block))
    return np.concatenate(list(upsample_blocks(upsampler, blocks, chunk)))


@given(
    samples=st.integers(1, 60),
    chunk=st.integers(1, 20),
    block=st.integers(1, 30),
    fade=st.integers(0, 6),
)
def test_with_a_context_of_the_receptive_field_chunked_equals_whole(samples, chunk, block, fade):
    low = np.random.default_rng(samples).normal(size=[samples, 2]).astype(np.float32)
    upsampler = Blurred(REACH, fade)
    np.testing.assert_allclose(
        streamed(upsampler, low, chunk, block), upsampler.upsample(low.T).numpy().T, atol=1e-5
    )


def test_between_chunks_that_disagree_the_level_goes_over_in_a_straight_line():
    upsampler = Blurred(context=0, fade=4)
    upsampler.upsample = lambda low, noise=None: tf.repeat(low[:, :1] * tf.ones_like(low), 2, 1)
    low = np.repeat(np.float32([0, 9]), 10)[:, np.newaxis]
    high = streamed(upsampler, low, chunk=10, block=20)[:, 0]
    np.testing.assert_allclose(high[:20], 0)
    np.testing.assert_allclose(high[20:28], np.arange(1, 9), atol=1e-5)
    np.testing.assert_allclose(high[28:], 9)


@pytest.mark.parametrize(("threads", "batch"), [(3, 1), (1, 4), (2, 3)])
def test_workers_make_the_same(threads, batch):
    upsampler, low = Blurred(context=4, fade=4), np.random.default_rng(0).normal(size=[301, 2])
    low = low.astype(np.float32)
    rows, run_stage = [], upsampler.run_stage
    upsampler.run_stage = lambda *inputs: rows.append(len(inputs[2])) or run_stage(*inputs)
    with Workers(threads, batch) as workers:
        made = list(upsample_blocks(upsampler, [low], 20, workers=workers))
    assert max(rows) == 2 * batch
    np.testing.assert_allclose(np.concatenate(made), streamed(upsampler, low, 20, 7), atol=1e-5)


@pytest.mark.parametrize("samples", [100, 1000])
def test_no_more_is_held_of_a_longer_signal(samples):
    upsampler = Blurred(context=3, fade=4)
    made = []
    upsampler.run_condition = lambda low: made.append(low.shape[1]) or low
    streamed(upsampler, np.zeros([samples, 1], np.float32), chunk=20, block=7)
    assert max(made) <= 4 + 20 + 4 + 4 + 7
