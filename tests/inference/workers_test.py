"""Chunks that are computed ahead, and together: the same outputs, in order, and few at a time."""

import itertools
import threading
import time
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.inference.workers import Workers, stacked, unstacked

# Seconds after which threads that wait for each other hang.
HANGS = 60


def mapped(workers: Workers, run, chunks) -> list:
    return list(workers.map(run, chunks, np.shape))


@given(
    sizes=st.lists(st.integers(1, 3), max_size=12),
    threads=st.integers(1, 4),
    batch=st.integers(1, 4),
)
def test_outputs_come_in_order_and_of_each_chunk_once(sizes, threads, batch):
    chunks = [np.full(size, number) for number, size in enumerate(sizes)]

    def run(together):
        assert len(together) <= batch and len({x.shape for x in together}) == 1
        time.sleep(0.002 * (together[0][0] % 3))  # later ones may be ready first
        return [x + 1 for x in together]

    with Workers(threads, batch) as workers:
        made = mapped(workers, run, chunks)
    assert [x.tolist() for x in made] == [(x + 1).tolist() for x in chunks]


def test_neighbours_of_one_shape_are_together():
    calls = []
    chunks = [np.zeros(size) for size in (3, 3, 3, 5, 3, 3)]
    mapped(Workers(batch=2), lambda x: calls.append([len(one) for one in x]) or x, chunks)
    assert calls == [[3, 3], [3], [5], [3, 3]]


def test_as_many_at_once_as_there_are_threads():
    meeting = threading.Barrier(3, timeout=HANGS)

    def run(together):
        meeting.wait()
        return together

    with Workers(3) as workers:
        assert mapped(workers, run, range(9)) == list(range(9))


def test_two_streams_share_the_threads():
    """Each is read by a thread of its own, and no more than two chunks are ever at work."""
    lock, at_work, most = threading.Lock(), 0, []

    def run(together):
        nonlocal at_work
        with lock:
            at_work += 1
            most.append(at_work)
        time.sleep(0.005)
        with lock:
            at_work -= 1
        return together

    with Workers(2) as workers:
        readers = [
            threading.Thread(target=mapped, args=(workers, run, range(10))) for _ in range(2)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    assert len(most) == 20 and max(most) == 2


@pytest.mark.parametrize(("threads", "batch", "most"), [(1, 1, 1), (1, 4, 4), (3, 1, 4), (2, 3, 9)])
def test_few_chunks_are_read_ahead(threads, batch, most):
    read = itertools.count()
    with Workers(threads, batch) as workers:
        made = workers.map(lambda x: x, (next(read) for _ in range(1000)), np.shape)
        for _ in range(batch + 1):
            last = next(made)
        assert next(read) - last <= most


class Chunk:
    """What can be watched being let go."""


def test_a_chunk_is_let_go_before_the_next_is_made():
    """A large condition would be in memory twice otherwise."""
    made = []

    def begun() -> Chunk:
        assert all(earlier() is None for earlier in made)
        made.append(weakref.ref(chunk := Chunk()))
        return chunk

    done = Workers().map(lambda together: [1], (begun() for _ in range(3)), type)
    assert list(done) == [1, 1, 1]


def test_an_error_comes_to_the_reader_and_ends_the_work():
    begun = []

    def run(together):
        begun.append(together[0])
        if together == [1]:
            raise ValueError("no network")
        return together

    with Workers(2) as workers, pytest.raises(ValueError, match="no network"):
        mapped(workers, run, range(1000))
    assert len(begun) < 10


def test_nests_are_stacked_and_unstacked():
    nests = [{"a": (np.full([2, 3], n), ()), "b": np.full([2, 1, 4], n)} for n in range(3)]
    whole = stacked(nests)
    assert whole["a"][0].shape == (6, 3) and whole["b"].shape == (6, 1, 4)
    for one, other in zip(unstacked(whole, 3), nests, strict=True):
        np.testing.assert_array_equal(one["a"][0], other["a"][0])
        np.testing.assert_array_equal(one["b"], other["b"])
    assert stacked(nests[:1]) is nests[0]
