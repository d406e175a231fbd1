"""Many streams on one back end, which steps those that are ready at once."""

from collections.abc import Sequence

import numpy as np

from tfsr.backend import Streams


class Many:
    """States of streams, each in a place of its own.

        many = Many(backend, 100)
        place = many.begin()
        high = many.step([place], hops)  # [1, hop] to [1, ratio * hop]
        many.end(place)

    Args:
        backend: is run once for each number of streams that it may get, for the first time is slow.
        places: so many streams at most.
    """

    def __init__(self, backend: Streams, places: int):
        self._backend = backend
        self._first = backend.initial_state(1)
        self._states = {name: np.repeat(x, places, axis=0) for name, x in self._first.items()}
        self._free = list(range(places))[::-1]
        streams = places
        while streams:
            self.step(range(streams), np.zeros([streams, backend.hop], np.float32))
            streams //= 2

    @property
    def full(self) -> bool:
        """Whether no more stream may begin."""
        return not self._free

    def begin(self) -> int:
        """The place of a new stream."""
        place = self._free.pop()
        for name, state in self._states.items():
            state[place] = self._first[name][0]
        return place

    def end(self, place: int) -> None:
        """Give a place back."""
        self._free.append(place)

    def step(self, places: Sequence[int], hops: np.ndarray) -> np.ndarray:
        """A hop of each of these streams, [streams, hop], to [streams, ratio * hop]."""
        where = np.asarray(places)
        before = {name: state[where] for name, state in self._states.items()}
        high, after = self._backend.step(hops, before)
        for name, state in self._states.items():
            state[where] = after[name]
        return np.asarray(high)
