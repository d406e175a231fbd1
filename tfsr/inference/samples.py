"""A recording in memory, with the same interface as `AudioFile` for one on disk."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from tfsr.arguments import number
from tfsr.audio_file import Fault, Raw
from tfsr.audio_file.audio_file import check_finite
from tfsr.errors import UserError

NAME = "audio"
"""Its name in messages: the argument with the audio."""

# Full scale of whole numbers, as libsndfile has it.
_FULL_SCALE = {"int16": 2**15, "int32": 2**31, "uint8": 2**7}
_MIDDLE = {"uint8": 2**7}

# More are no channels: somebody has given [channels, time].
_MOST_CHANNELS = 64

_BLOCK = 65536

RATES = 1000, 1_000_000
"""Lowest and highest rate in Hz."""


class Samples:
    """A signal in memory, as the source of a `tfsr.inference.files.Plan`.

    Args:
        audio: [time] or [time, channels]. float32 and float64 in [-1, 1], or int16, int32 and
            uint8 in their whole range.
        rate: Hz.

    Attributes:
        rate: Hz.
        samples: number of samples in each channel.
        channels: number of channels.
        silent: whether all samples are zero.
        subtype, tags, assumed, faults: as for a file of float samples without further information.

    Raises:
        UserError: the shape, type or rate is wrong, there are no samples, or one is NaN or
            infinite.

    >>> import numpy as np
    >>> Samples(np.array([0, 16384, -32768], np.int16), 8000).audio[:, 0]
    array([ 0. ,  0.5, -1. ], dtype=float32)
    """

    subtype = "FLOAT"
    tags: Mapping[str, str] = MappingProxyType({})
    assumed: Raw | None = None
    faults: tuple[Fault, ...] = ()

    def __init__(self, audio: np.ndarray, rate: int):
        self.rate = checked_rate(rate)
        audio = _as_array(audio)
        _check_shape(audio)
        self.audio = _as_float32(audio[:, np.newaxis] if audio.ndim == 1 else audio)
        self.samples, self.channels = self.audio.shape
        check_finite(NAME, self.audio, self.rate, 0)
        self.silent = not self.audio.any()

    def know(self) -> None:
        """Does nothing: everything is known already."""

    def blocks(self) -> Iterator[np.ndarray]:
        """The whole signal as float32 [time, channels], in blocks."""
        for start in range(0, self.samples, _BLOCK):
            yield self.audio[start : start + _BLOCK]


def checked_rate(rate: float) -> int:
    """A rate as a whole number of Hz.

    Raises:
        UserError: it is no whole number in range.
    """
    return int(number("rate", rate, "Hz", *RATES, whole=True))


def _as_array(audio: np.ndarray) -> np.ndarray:
    if np.ma.isMaskedArray(audio):
        raise UserError(f"{NAME}: has a mask; fill the masked samples ({NAME}.filled(0))")
    try:
        return np.asarray(audio)
    except ValueError as error:
        raise UserError(f"{NAME}: is no array; give [time] or [time, channels]") from error


def _check_shape(audio: np.ndarray) -> None:
    if not audio.size:
        raise UserError(f"{NAME}: holds no samples")
    if audio.ndim not in (1, 2):
        raise UserError(f"{NAME}: has shape {list(audio.shape)}; give [time] or [time, channels]")
    if audio.ndim == 2 and audio.shape[1] > _MOST_CHANNELS:
        raise UserError(
            f"{NAME}: has shape {list(audio.shape)}, which is {audio.shape[1]} channels; give "
            f"[time, channels] with {_MOST_CHANNELS} channels at most, perhaps {NAME}.T"
        )


def _as_float32(audio: np.ndarray) -> np.ndarray:
    """Whole numbers, scaled to [-1, 1]."""
    kind = audio.dtype.name
    if audio.dtype.kind == "f":
        return np.asarray(audio, np.float32)
    if kind not in _FULL_SCALE:
        known = ", ".join(("float32", "float64", *_FULL_SCALE))
        raise UserError(f"{NAME}: is {kind}; give one of {known}")
    scaled = (audio.astype(np.float64) - _MIDDLE.get(kind, 0)) / _FULL_SCALE[kind]
    return scaled.astype(np.float32)
