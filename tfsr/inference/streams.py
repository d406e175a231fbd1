"""Widen streams hop by hop, while they come in."""

from collections.abc import Iterable, Iterator

import numpy as np

from tfsr.backend import Streams
from tfsr.errors import UserError
from tfsr.inference.concealment import Concealment
from tfsr.inference.samples import NAME, Samples


def stream(backend: Streams, blocks: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
    """Widen a stream, with constant memory.

    The outputs together are those for the whole signal, `ratio` times as long as the input. A
    sample is ready `latency_ms` after its arrival, at the latest. So the first outputs are shorter,
    and the last one gives the rest.

    Args:
        blocks: [time] or [time, channels] at `input_rate`, of any lengths, 0 too; types and ranges
            as in `Samples`. None is a block that did not arrive, as long as the one before; it is
            concealed, see `Concealment`.

    Yields:
        float32 [time] or [time, channels] at `output_rate`, as soon as samples are ready.

    Raises:
        UserError: see `Samples`.
    """
    made: Stream | None = None
    if not isinstance(blocks, Iterable):
        raise UserError("`blocks`: give arrays one after the other, such as a list of them")
    flat, length, missing = None, 0, 0
    for block in blocks:
        if block is None:
            if made is None:
                missing += 1  # nobody knows yet how long it was
            else:
                yield from _some(made.lost(length), flat)
            continue
        if not np.size(block):
            continue
        if flat not in (None, np.ndim(block) == 1):
            raise UserError(
                f"{NAME}: changes between [time] and [time, channels]; give one of them"
            )
        flat = np.ndim(block) == 1
        audio = Samples(block, backend.input_rate).audio
        length = len(audio)
        if made is None:
            made = Stream(backend, audio.shape[1])
            yield from _some(made.lost(missing * length), flat)
        _check_channels(audio.shape[1], made.channels)
        yield from _some(made.push(audio), flat)
    if made is not None:
        yield from _some(made.end(), flat)


def _check_channels(found: int, wanted: int) -> None:
    if found != wanted:
        raise UserError(f"{NAME}: has {found} channels after blocks of {wanted}; give the same")


def _some(made: np.ndarray, flat: bool | None) -> Iterator[np.ndarray]:
    """The output, unless it is empty."""
    if len(made):
        yield made[:, 0] if flat else made


class Stream:
    """One stream, to which blocks are pushed; see `stream`.

    Args:
        channels: number of channels.
    """

    def __init__(self, backend: Streams, channels: int):
        self.channels = channels
        self._backend = backend
        self._state = backend.initial_state(channels)
        self._hops = Hops(backend, channels)
        self._concealments = [Concealment(backend.input_rate) for _ in range(channels)]

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Take float32 [time, channels], return the ready output."""
        come = [one.came(x) for one, x in zip(self._concealments, audio.T, strict=True)]
        return self._widened(np.stack(come))

    def lost(self, samples: int) -> np.ndarray:
        """Go on without this number of samples, return the ready output."""
        return self._widened(np.stack([one.lost(samples) for one in self._concealments]))

    def end(self) -> np.ndarray:
        """The rest of the output, computed with silence at the end of the input."""
        return self._widened(self._hops.rest())

    def _widened(self, audio: np.ndarray) -> np.ndarray:
        self._hops.put(audio)
        made = [np.zeros([self.channels, 0], np.float32)]
        while (hop := self._hops.next()) is not None:
            high, self._state = self._backend.step(hop, self._state)
            made.append(self._hops.heard(np.asarray(high)))
        return np.concatenate(made, axis=1).T


class Hops:
    """Cuts a stream into hops, and keeps the outputs that belong to the signal's time.

    The output of a step is later than its input. So the first output samples belong to a time
    before the signal, and are left out. Samples after the signal's end are left out too.
    """

    def __init__(self, backend: Streams, channels: int = 1):
        self._hop, self._ratio = backend.hop, backend.ratio
        self._held = np.zeros([channels, 0], np.float32)
        latency = round(backend.latency_ms * backend.output_rate / 1000)
        self._early = latency - self._ratio * self._hop
        self._taken, self._given = 0, 0
        self._ended = False

    def put(self, audio: np.ndarray) -> None:
        """Take float32 [channels, time]."""
        if not self._ended:
            self._taken += audio.shape[1]
        self._held = np.concatenate([self._held, audio], axis=1)

    def rest(self) -> np.ndarray:
        """The silence to put last, so that all of the signal comes out."""
        missing = self._ratio * self._taken - self._given
        steps = -(-(missing + self._early) // (self._ratio * self._hop))
        self._ended = True
        return np.zeros([len(self._held), steps * self._hop - self._held.shape[1]], np.float32)

    @property
    def waiting(self) -> int:
        """Number of input samples that are not in a hop yet."""
        return self._held.shape[1]

    def next(self) -> np.ndarray | None:
        """The next whole hop, [channels, hop]; None if there is none."""
        if self._held.shape[1] < self._hop:
            return None
        hop, self._held = self._held[:, : self._hop], self._held[:, self._hop :]
        return hop

    def heard(self, high: np.ndarray) -> np.ndarray:
        """The samples of [channels, ratio * hop] that belong to the signal's time."""
        early = min(self._early, high.shape[1])
        self._early -= early
        left = self._ratio * self._taken - self._given
        heard = high[:, early:][:, :left]
        self._given += heard.shape[1]
        return heard
