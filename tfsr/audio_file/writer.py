"""Write recordings, which appear under their names only when they are complete."""

import contextlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, NoReturn

import av
import numpy as np
import soundfile

from tfsr.atomic_files import new_file
from tfsr.audio_file.encoders import AacEncoder, Encoder, Kind, SndfileEncoder, holding
from tfsr.audio_file.folders import WRITTEN
from tfsr.audio_file.sndfile import reason
from tfsr.errors import UserError

# libsndfile's Vorbis encoder overflows its stack when it is given minutes at once.
_WRITE_BLOCK = 65536

# Bits of those that hold whole numbers. What is not here, and is coded from floats, has no end.
_BITS = {
    **{"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32},
    **{"ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32},
}
_FLOATS = ("FLOAT", "DOUBLE")
_FROM_FLOATS = ("VORBIS", "OPUS", "AAC", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_OTHER_BITS = 16

_OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)


class Clipped(NamedTuple):
    """How much was clipped: number of samples in all channels, and the largest excess in dB."""

    samples: int
    over_db: float


class Writer:
    """Writes a file block by block; it appears under its name only when it is complete.

    It is a context manager. For subtypes of whole numbers, samples are rounded to the nearest, and
    zero stays zero. Samples outside [-1, 1] are then clipped, and `clipped` tells it. The same
    samples give the same bytes.

    Args:
        path: its extension chooses the container, one of `WRITTEN`; missing folders are made.
        rate: Hz.
        channels: of every block.
        subtype: soundfile's name ("PCM_16", "FLOAT"); None is the container's usual one, which is
            16 bits for WAV and FLAC. `allowed_subtype` finds one that the container can hold.
        tags: in the form of `AudioFile`. Ogg, FLAC and CAF keep all. WAV keeps all but a license,
            MP3 all but license and copyright, M4A all but license. AIFF keeps title, artist,
            copyright and comment. AU and W64 keep none.
        samples: number of samples in each channel, if it is known. WAV ends at 4 GiB: larger files
            become RF64, which is WAV with sizes of 64 bits.

    Attributes:
        container: soundfile's name ("WAV"); without `samples`, RF64 may still end as WAV.

    Raises:
        UserError: the extension is unknown, the folder is unwritable, the container refuses a
            setting, or it cannot hold this many samples.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        rate: int,
        channels: int,
        subtype: str | None = None,
        tags: Mapping[str, str] = MappingProxyType({}),
        samples: int | None = None,
    ):
        self._path = Path(path)
        self.container = _container(self._path)
        self._subtype = subtype or _usual_subtype(self._path)
        self._over, self._peak = 0, 0.0
        if os.path.isdir(self._path):
            raise UserError(f"{path}: cannot be written, there is a folder of that name")
        if self._subtype == "OPUS" and rate not in _OPUS_RATES:
            known = ", ".join(map(str, _OPUS_RATES))
            raise UserError(f"{path}: Opus has no {rate} Hz; `rate` takes one of {known}")
        self._whole = contextlib.ExitStack()
        try:
            self.container = holding(self.container, self._subtype, channels, samples)
            encoder = AacEncoder if self.container == "MP4" else SndfileEncoder
            kind = Kind(rate, channels, self.container, self._subtype, tags, samples)
            part = self._whole.enter_context(new_file(self._path))
            self._file: Encoder = encoder(part, kind)
        except _ERRORS as error:
            self._give_up(error)

    @property
    def largest(self) -> float:
        """The largest sample that fits; infinite if all do."""
        if self._subtype in _FLOATS:
            return math.inf
        return 1.0 if self._subtype in _FROM_FLOATS else 1 - 2.0 ** (1 - self._bits)

    @property
    def clipped(self) -> Clipped | None:
        """What was clipped; None if all samples fit."""
        return Clipped(self._over, 20 * math.log10(self._peak)) if self._over else None

    @property
    def _bits(self) -> int:
        return _BITS.get(self._subtype, _OTHER_BITS)

    def write(self, audio: np.ndarray) -> None:
        """Append float32 [time, channels]."""
        try:
            for start in range(0, len(audio), _WRITE_BLOCK):
                self._file.write(self._fitting(audio[start : start + _WRITE_BLOCK]))
        except _ERRORS as error:
            self._give_up(error)

    def _fitting(self, audio: np.ndarray) -> np.ndarray:
        """Samples as stored: int16, int32 with the highest bits in use, or float32."""
        if self._subtype in _FLOATS:
            return audio
        half_a_step = 0.0 if self._subtype in _FROM_FLOATS else 2.0**-self._bits
        over = np.abs(audio) > 1 + half_a_step
        if count := int(np.count_nonzero(over)):
            self._over += count
            self._peak = max(self._peak, float(np.max(np.abs(audio))))
        return audio if self._subtype in _FROM_FLOATS else rounded(audio, self._bits)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, error_type, error, traceback) -> None:
        try:
            self._file.close()
        except _ERRORS as failed:
            self._give_up(failed)
        self._whole.__exit__(error_type, error, traceback)

    def _give_up(self, error: Exception) -> NoReturn:
        told = UserError(f"{self._path}: cannot be written ({reason(error)})")
        self._whole.__exit__(UserError, told, None)
        raise told from error


def rounded(audio: np.ndarray, bits: int) -> np.ndarray:
    """Round to whole numbers: int16 for up to 16 bits, else int32, with the highest bits in use."""
    full = 2 ** (bits - 1)
    whole = np.clip(np.rint(audio.astype(np.float64) * full), -full, full - 1)
    held = 16 if bits <= 16 else 32
    return whole.astype(f"int{held}") << (held - bits)


# soundfile asserts that all was written: it is not, on a full disk.
_ERRORS = (AssertionError, OSError, ValueError, soundfile.SoundFileError, av.error.FFmpegError)


def write(
    path: str | os.PathLike, audio: np.ndarray, rate: int, subtype: str | None = None
) -> None:
    """Write float32 [time, channels] at once; see `Writer`."""
    with Writer(path, rate, audio.shape[1], subtype, samples=len(audio)) as writer:
        writer.write(audio)


def allowed_subtype(path: str | os.PathLike, subtype: str) -> str:
    """`subtype` if the container of `path` can hold it, else the container's usual one."""
    container = _container(Path(path))
    if container != "MP4" and soundfile.check_format(container, subtype):
        return subtype
    return _usual_subtype(Path(path))


def require_subtype(path: str | os.PathLike, subtype: str | None) -> None:
    """Raise UserError unless `path` names a container that can hold `subtype`, if it is given."""
    container = _container(Path(path))
    if subtype is None:
        return
    known = ["AAC"] if container == "MP4" else soundfile.available_subtypes(container)
    if str(subtype).upper() not in known:
        known = ", ".join(known)
        raise UserError(f"{path}: {container} holds no {subtype}, but one of {known}")


def _container(path: Path) -> str:
    if path.suffix.lower() not in WRITTEN:
        raise UserError(
            f"{path}: cannot be written, the extension must be one of {' '.join(WRITTEN)}"
        )
    return WRITTEN[path.suffix.lower()]


def _usual_subtype(path: Path) -> str:
    container = _container(path)
    if container == "MP4":
        return "AAC"
    return "OPUS" if path.suffix.lower() == ".opus" else soundfile.default_subtype(container)
