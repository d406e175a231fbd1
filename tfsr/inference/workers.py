"""Run a network on the chunks of streams: several at once, and several in each call."""

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from tfsr import nest
from tfsr.nest import Nest

T = TypeVar("T")
Made = TypeVar("Made")


class Workers:
    """Threads that compute chunks ahead of those who read them.

    All streams share them. So one long recording keeps as many processors busy as many short ones.

    Args:
        threads: number of calls of a network at once. 1: each call is made when its output is read.
        batch: largest number of chunks in a call.
    """

    def __init__(self, threads: int = 1, batch: int = 1):
        self.batch = batch
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(
        self,
        run: Callable[[Sequence[T]], Sequence[Made]],
        chunks: Iterable[T],
        shape: Callable[[T], object],
    ) -> Iterator[Made]:
        """The outputs of all chunks, in order.

        No more than `batch` * (`threads` + 1) chunks are held, however many there are.

        Args:
            run: outputs of some chunks in a row, whose `shape` is the same.
            chunks: read in the thread of the caller.
            shape: of a chunk.
        """
        batches = _batches(chunks, self.batch, shape)
        if self._pool is None:
            return itertools.chain.from_iterable(map(run, batches))
        return itertools.chain.from_iterable(_ahead(self._pool, run, batches, self._threads))


def _batches(chunks: Iterable[T], most: int, shape: Callable[[T], object]) -> Iterator[Sequence[T]]:
    """Neighbours of the same shape, together; none is held longer than needed."""
    held: list[T] = []
    for chunk in chunks:
        if held and shape(held[0]) != shape(chunk):
            yield held
            held = []
        held.append(chunk)
        del chunk  # or it would live on while the next one is made
        if len(held) == most:
            yield held
            held = []
    if held:
        yield held


def _ahead(
    pool: ThreadPoolExecutor, run: Callable[[T], Made], items: Iterable[T], most: int
) -> Iterator[Made]:
    """`run` of all items in order, begun for so many items ahead."""
    waiting: collections.deque[Future[Made]] = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(run, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()


def stacked(nests: Sequence[Nest]) -> Nest:
    """Nests of arrays [channels, ...] as one of arrays [nests * channels, ...]."""
    if len(nests) == 1:
        return nests[0]
    return nest.map_structure(lambda *x: np.concatenate(x), *nests)


def unstacked(whole: Nest, count: int) -> list[Nest]:
    """The inverse of `stacked`, for so many nests."""
    parts = [np.split(x, count) for x in nest.flatten(whole)]
    return [nest.pack(whole, leaves) for leaves in zip(*parts, strict=True)]
