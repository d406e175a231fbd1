"""Many streams on one backend, which processes all ready streams in one step."""

from collections.abc import Sequence

import numpy as np

from tfsr.backend import Streams

# Streams in one step. More take as long each, and are copied about.
_AT_ONCE = 64


class Many:
    """States of streams, each in its own place.

        many = Many(backend, 100)
        place = many.begin()
        high = many.step([place], hops)  # [1, hop] to [1, ratio * hop]
        many.end(place)

    Args:
        backend: it is run at once for many numbers of streams, because the first run of each is
            slow.
        places: largest number of streams.
    """

    def __init__(self, backend: Streams, places: int):
        self._backend = backend
        self._first = backend.initial_state(1)
        self._states = {name: np.repeat(x, places, axis=0) for name, x in self._first.items()}
        self._free = list(range(places))[::-1]
        streams = places
        while streams:
            self.step(range(streams), np.zeros([streams, backend.hop], np.float32))
            streams = streams * 3 // 4

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
        """Free a place."""
        self._free.append(place)

    def step(self, places: Sequence[int], hops: np.ndarray) -> np.ndarray:
        """Process one hop of each of these streams: [streams, hop] -> [streams, ratio * hop]."""
        starts = range(0, len(places), _AT_ONCE)
        parts = [slice(start, start + _AT_ONCE) for start in starts]
        return np.concatenate([self._step(np.asarray(places[at]), hops[at]) for at in parts])

    def _step(self, where: np.ndarray, hops: np.ndarray) -> np.ndarray:
        before = {name: state[where] for name, state in self._states.items()}
        high, after = self._backend.step(hops, before)
        for name, state in self._states.items():
            state[where] = after[name]
        return np.asarray(high)
