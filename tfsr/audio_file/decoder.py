"""The description of a recording, and the interface of decoders."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np


@dataclass(frozen=True)
class Info:
    """The format of a recording. `subtype` and `format` are soundfile's names, if it has any.

    Attributes:
        rate: Hz.
        samples: number of samples in each channel.
        subtype: coding of the samples ("PCM_16", "ULAW", "AAC").
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
    """A fault of a recording that can still be read.

    Attributes:
        text: in a few words.
        missing_seconds: number of seconds known to be missing.
    """

    text: str
    missing_seconds: float = 0.0


class Unreadable(Exception):
    """A decoder cannot read this; the message says why."""


class Decoder(Protocol):
    """A decoder of an open recording.

    Attributes:
        rate, channels, subtype, format: see `Info`.
        samples: number of samples, if the header is certain to tell it, else None.
        tags: see `AudioFile`.
        faults: those found when all was last decoded.
    """

    rate: int
    channels: int
    subtype: str
    format: str
    samples: int | None
    tags: dict[str, str]
    faults: list[Fault]

    def blocks(self, block_samples: int) -> Iterator[np.ndarray]:
        """The whole recording as float32 [time, channels], in blocks of about this many samples.

        Raises:
            Unreadable: the following data cannot be decoded.
        """


def ends_early(seconds: float) -> Fault:
    return Fault(f"ends {seconds:.3f} s too early", seconds)


def left_out(size: int) -> Fault:
    return Fault(f"{size} bytes after its samples are left out")


UNFINISHED = Fault("its header was never finished and tells no length, it is read to its end")
