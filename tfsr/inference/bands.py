"""The band of each channel of a recording; a call may have one speaker on each channel."""

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")

# None after the last.
_Blocks = queue.Queue[np.ndarray | None]

# Blocks that wait for the slowest of those who measure.
_WAITING = 2

# Channels that differ less belong together.
_SAME = 1.1


class Band(NamedTuple):
    """Some channels and their processing.

    Attributes:
        channels: their numbers, from 0.
        bandwidth_hz: their highest frequency.
        system: the name of the upsampler; None: the channels are kept as they are.
    """

    channels: tuple[int, ...]
    bandwidth_hz: float
    system: str | None


def of_each_channel(
    blocks: Iterable[np.ndarray], channels: int, measure: Callable[[Iterable[np.ndarray]], T]
) -> list[T | None]:
    """The result of `measure` for each channel, in constant memory; None for a silent channel.

    Args:
        blocks: [time, channels], read once.
        measure: of blocks [time, 1].
    """
    silent = [True] * channels

    def watched() -> Iterator[np.ndarray]:
        for block in blocks:
            for place in range(channels):
                silent[place] = silent[place] and not block[:, place].any()
            yield block

    found = _side_by_side(watched(), channels, measure)
    return [None if quiet else value for quiet, value in zip(silent, found, strict=True)]


def _side_by_side(
    blocks: Iterable[np.ndarray], channels: int, measure: Callable[[Iterable[np.ndarray]], T]
) -> list[T]:
    """One thread for each channel, because `measure` reads a channel on its own."""
    if channels == 1:
        return [measure(blocks)]
    waiting: list[_Blocks] = [queue.Queue(_WAITING) for _ in range(channels)]
    with ThreadPoolExecutor(channels) as pool:
        found = [pool.submit(_drained, measure, one) for one in waiting]
        try:
            for block in blocks:
                for place, one in enumerate(waiting):
                    one.put(block[:, place : place + 1])
        finally:
            for one in waiting:
                one.put(None)
    return [one.result() for one in found]


def _drained(measure: Callable[[Iterable[np.ndarray]], T], waiting: _Blocks) -> T:
    """Measure, and read to the end even after an error, so that other channels do not wait."""

    def until_the_end() -> Iterator[np.ndarray]:
        while (block := waiting.get()) is not None:
            yield block

    blocks = until_the_end()
    try:
        return measure(blocks)
    finally:
        for _ in blocks:
            pass


def together(
    bandwidths: Sequence[float | None], rate: int, choose: Callable[[float], str | None]
) -> list[Band]:
    """Group channels with a similar band and the same system; the others are on their own.

    Silent channels go with the first group. If all are silent, their band is that of the rate.

    Args:
        bandwidths: Hz, of each channel; None for a silent one.
        rate: Hz, of the recording.
        choose: the system for a bandwidth, or None if there is nothing to add.
    """
    groups: list[tuple[list[int], float]] = []
    for place, bandwidth_hz in enumerate(bandwidths):
        if bandwidth_hz is not None:
            _add(groups, place, bandwidth_hz)
    quiet = [place for place, bandwidth_hz in enumerate(bandwidths) if bandwidth_hz is None]
    groups = groups or [([], rate / 2)]
    groups[0][0].extend(quiet)
    return [Band(tuple(sorted(places)), hz, choose(hz)) for places, hz in groups]


def _add(groups: list[tuple[list[int], float]], place: int, bandwidth_hz: float) -> None:
    """Add a channel to a group with a similar band; the group's band is its widest."""
    for number, (places, widest) in enumerate(groups):
        if max(widest, bandwidth_hz) <= _SAME * min(widest, bandwidth_hz):
            groups[number] = ([*places, place], max(widest, bandwidth_hz))
            return
    groups.append(([place], bandwidth_hz))
