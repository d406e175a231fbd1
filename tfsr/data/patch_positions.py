"""The places of patches in recordings, and the order in which an epoch visits them."""

import functools
from collections.abc import Sequence

import numpy as np

from tfsr.data.recordings import Recording


class Slots:
    """Every recording has as many slots as whole patches fit into it, and one at least.

    The slots of a recording divide the possible starts of a patch evenly. A patch starts at a
    random point of its slot, so that an epoch (every slot once) gives every part of the corpus
    about once, and no two epochs give the same patches.

    Args:
        recordings: at least one.
        rate: Hz.
        patch: samples at `rate`.
    """

    def __init__(self, recordings: Sequence[Recording], rate: int, patch: int):
        self.recordings = recordings
        self._patch = patch
        self._lengths = np.array([recording.length(rate) for recording in recordings])
        self._counts = np.maximum(self._lengths // patch, 1)
        self._ends = np.cumsum(self._counts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def recording(self, slot: int) -> int:
        """The number of the slot's recording."""
        return int(np.searchsorted(self._ends, slot, side="right"))

    def start(self, slot: int, point: float) -> tuple[int, int]:
        """Where the patch at `point` in [0, 1) of a slot begins, and the recording's samples.

        The start is negative in recordings shorter than a patch: so many samples come before.
        """
        number = self.recording(slot)
        length = int(self._lengths[number])
        count = int(self._counts[number])
        stratum = slot - int(self._ends[number]) + count
        spare = length - self._patch
        if spare < 0:
            return -int(point * (1 - spare)), length
        return min(int((spare + 1) * (stratum + point) / count), spare), length

    def of_speakers(self) -> list[np.ndarray]:
        """The slots of each speaker, by the speakers' names."""
        speakers = np.array([recording.speaker for recording in self.recordings])
        owner = np.repeat(speakers, self._counts)
        return [np.flatnonzero(owner == speaker) for speaker in np.unique(speakers)]

    def after(self, slot: int) -> int:
        """The first slot of the next recording; of the first one after the last."""
        return int(self._ends[self.recording(slot)]) % len(self)


def slot_of(seed: int, slots: int, index: int) -> int:
    """The slot of the index-th example: every epoch visits all slots, each in an order of its own.

    A pure function of its arguments.
    """
    epoch, place = divmod(index, slots)
    return int(_order(seed, slots, epoch)[place])


class Order:
    """Which slot the index-th example of a training takes, a pure function of seed and index.

    Every epoch visits all slots once, each in an order of its own. By speaker, an epoch takes one
    slot of every speaker instead, so that all count alike; a speaker's slots take turns over the
    epochs as an epoch's do.

    Args:
        slots: to visit.
        seed: of the orders.
        by_speaker: see above.
    """

    def __init__(self, slots: Slots, seed: int, by_speaker: bool = False):
        self._slots, self._seed = slots, seed
        self._of_speaker = slots.of_speakers() if by_speaker else None

    def slot(self, index: int) -> int:
        if self._of_speaker is None:
            return slot_of(self._seed, len(self._slots), index)
        epoch, place = divmod(index, len(self._of_speaker))
        speaker = int(_order(self._seed, len(self._of_speaker), epoch)[place])
        own = self._of_speaker[speaker]
        visit, turn = divmod(epoch, len(own))
        order = np.random.default_rng([_SPEAKER_STREAM, self._seed, speaker, visit])
        return int(own[order.permutation(len(own))[turn]])


@functools.lru_cache(maxsize=4)
def _order(seed: int, slots: int, epoch: int) -> np.ndarray:
    # Some milliseconds for a hundred hours of speech, and once an epoch.
    return np.random.default_rng([_ORDER_STREAM, seed, epoch]).permutation(slots)


# They set these random numbers apart from those of the examples.
_ORDER_STREAM = 2
_SPEAKER_STREAM = 3
