"""The positions of patches in recordings, and the order in which an epoch visits them."""

import functools
from collections.abc import Sequence

import numpy as np

from tfsr.data.recordings import Recording


class Slots:
    """Slots for patches. A recording has one for each whole patch that fits, and at least one.

    The slots of a recording divide the possible starts of a patch evenly. A patch starts at a
    random point of its slot. An epoch visits every slot once. So it gives every part of the corpus
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
        """The first sample of the patch at `point` in [0, 1) of a slot, and the recording's length.

        The start is negative if the recording is shorter than a patch: that many zeros come before.
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
    """The slot of the index-th example. Every epoch visits all slots, each in its own order.

    A pure function of its arguments.
    """
    epoch, place = divmod(index, slots)
    return int(_order(seed, slots, epoch)[place])


class Order:
    """The slot of the index-th training example, a pure function of seed and index.

    Every epoch visits all slots once, each in its own order. By speaker, an epoch takes one slot
    of every speaker instead, so that all speakers count equally. Over the epochs, all slots of a
    speaker take turns in the same way.

    Args:
        slots: the slots to visit.
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
