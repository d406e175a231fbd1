"""What is known of a recording, and what decodes one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np


@dataclass(frozen=True)
class Info:
    """What a recording is. `subtype` and `format` are soundfile's words, where it has any.

    Attributes:
        rate: Hz.
        samples: of each channel.
        subtype: how samples are coded ("PCM_16", "ULAW", "AAC").
        format: the container ("WAV", "MP3").
    """

    rate: int
    samples: int
    channels: int
    subtype: str
    format: str

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


class Fault(NamedTuple):
    """What is wrong with a recording that can be read all the same.

    Attributes:
        text: in a few words.
        missing_seconds: that are known to be missing.
    """

    text: str
    missing_seconds: float = 0.0


class Unreadable(Exception):
    """A decoder cannot read this; the message says why."""


class Decoder(Protocol):
    """Of an open recording.

    Attributes:
        rate, channels, subtype, format: see `Info`.
        samples: where the header is sure to tell it, else None.
        tags: see `AudioFile`.
        faults: of the last time that all was decoded.
    """

    rate: int
    channels: int
    subtype: str
    format: str
    samples: int | None
    tags: dict[str, str]
    faults: list[Fault]

    def blocks(self, block_samples: int) -> Iterator[np.ndarray]:
        """All of it, from the beginning, as float32 [time, channels] of about that many samples.

        Raises:
            Unreadable: what comes cannot be decoded.
        """


def ends_early(seconds: float) -> Fault:
    return Fault(f"ends {seconds:.3f} s too early", seconds)


def left_out(size: int) -> Fault:
    return Fault(f"{size} bytes after its samples are left out")


UNFINISHED = Fault("its header was never finished and tells no length, it is read to its end")
