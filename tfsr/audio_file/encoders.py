"""Encoders for `Writer`: libsndfile, and FFmpeg for codings that libsndfile cannot encode."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import av
import numpy as np
import soundfile

from tfsr.audio_file import ogg
from tfsr.postponed import uninterrupted

MOST = 1 << 32
"""Largest number of bytes in a file with 32-bit sizes."""

# Whose sizes have 32 bits; AU's may be left open.
_OF_32_BITS = ("WAV", "AIFF")

# Their containers have no place for title, artist and the like.
_WITHOUT_TAGS = ("AU", "W64")

# Of samples that are as large as each other. What is coded otherwise is far from 4 GiB.
_BYTES = {
    **{"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4},
    **{"FLOAT": 4, "DOUBLE": 8},
}

# For a header, and for what else may come into the folder of temporary files meanwhile.
_ROOM = 1 << 20

# Commands of libsndfile, which soundfile has no names for.
_ADD_PEAK_CHUNK, _RF64_AUTO_DOWNGRADE = 0x1050, 0x1210

_AAC_BITS_PER_CHANNEL = 96_000
_MP4_TAGS = {"tracknumber": "track"}


class Kind(NamedTuple):
    """Format of the output; see `Writer`. Without `samples`, RF64 becomes WAV if it fits."""

    rate: int
    channels: int
    container: str
    subtype: str
    tags: Mapping[str, str]
    samples: int | None


class Encoder(Protocol):
    def write(self, audio: np.ndarray) -> None: ...

    def close(self) -> None: ...


def holding(container: str, subtype: str, channels: int, samples: int | None) -> str:
    """`container`, or RF64 if the container is WAV and is, or may become, too small.

    Args:
        samples: of each channel; None: unknown.

    Raises:
        OSError: it is too small, and there is no larger container of its kind.
    """
    if container not in _OF_32_BITS:
        return container
    has_larger = container == "WAV" and soundfile.check_format("RF64", subtype)
    if samples is None:
        return "RF64" if has_larger else container
    if samples * channels * _BYTES.get(subtype, 0) + _ROOM <= MOST:
        return container
    if not has_larger:
        raise _too_large(container, subtype)
    return "RF64"


def _too_large(container: str, subtype: str) -> OSError:
    kind = f"{container} with {subtype}"
    return OSError(errno.EFBIG, f"{kind} ends at 4 GiB; choose .w64, .caf or .flac")


class SndfileEncoder:
    """Encodes everything but AAC."""

    def __init__(self, path: str | os.PathLike, kind: Kind):
        rate, channels, container, subtype, tags, samples = kind
        most = _too_large(container, subtype) if container in _OF_32_BITS else None
        self._container, self._subtype = container, subtype
        self._out = _Target(path, most)
        try:
            how = {"channels": channels, "subtype": subtype, "format": container}
            with uninterrupted():
                self._sound = soundfile.SoundFile(self._out, "w", rate, **how)
        except Exception:
            with self._out.telling():
                self._out.close()
            raise
        if container in _OF_32_BITS:
            self._command(_ADD_PEAK_CHUNK, False)  # it tells the time; of RF64 there is none
        if container == "RF64" and samples is None:
            self._command(_RF64_AUTO_DOWNGRADE, True)
        surround = container == "OGG" and subtype in ("VORBIS", "OPUS")
        self._order = np.argsort(ogg.channel_order(channels)) if surround else slice(None)
        for name, text in tags.items() if container not in _WITHOUT_TAGS else ():
            setattr(self._sound, name, text)

    def _command(self, command: int, value: bool) -> None:
        soundfile._snd.sf_command(self._sound._file, command, soundfile._ffi.NULL, value)

    def write(self, audio: np.ndarray) -> None:
        if self._subtype.startswith("ALAC"):
            _check_room_for_alac(audio.nbytes)
        with self._out.telling():
            self._sound.write(audio[:, self._order])

    def close(self) -> None:
        try:
            with self._out.telling():
                self._sound.close()
                self._out.flush()
            if self._container == "OGG":
                ogg.number(self._out.file)
        finally:
            self._out.close()


def _check_room_for_alac(size: int) -> None:
    """Check for space: libsndfile stores ALAC there until it is closed, and aborts on failure."""
    folder = os.environ.get("TMPDIR", "/tmp")
    if os.path.isdir(folder) and shutil.disk_usage(folder).free < size + _ROOM:
        text = f"no space left in {folder}, through which ALAC goes; TMPDIR names another folder"
        raise OSError(errno.ENOSPC, text)


class _Target:
    """A file for libsndfile, which ignores errors, or calls them all a system error.

    Args:
        most: the error for more than `MOST` bytes; None: there may be more.

    Attributes:
        file: the file.
    """

    def __init__(self, path: str | os.PathLike, most: OSError | None):
        self.file = open(path, "w+b")  # noqa: SIM115  `close` does
        self._most = most
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        if self._most and self.file.tell() + len(data) > MOST:
            self._error = self._error or self._most
        with self._keeping():
            return 0 if self._error else self.file.write(data)
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with self._keeping():
            return self.file.seek(offset, whence)
        return -1

    def tell(self) -> int:
        return self.file.tell()

    def flush(self) -> None:
        with self._keeping():
            self.file.flush()

    def close(self) -> None:
        with self._keeping():
            self.file.close()

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._error = self._error or error

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """At the end, raise the first error instead of libsndfile's."""
        try:
            with uninterrupted():
                yield
        finally:
            if self._error:
                raise self._error


class AacEncoder:
    """AAC in MP4. An edit list lets players and this package cut the coder's delay."""

    def __init__(self, path: str | os.PathLike, kind: Kind):
        rate, channels, container, subtype, tags, _ = kind
        if subtype != "AAC":
            raise ValueError(f"{container} holds no {subtype}, but AAC")
        self._out = open(path, "wb")  # noqa: SIM115  `close` does
        self._container = av.open(self._out, "w", format="ipod")
        self._container.metadata.update({_MP4_TAGS.get(name, name): tags[name] for name in tags})
        layout = {1: "mono", 2: "stereo", 4: "4.0", 6: "5.1", 8: "7.1"}.get(channels)
        if layout is None:
            raise ValueError(f"AAC has no {channels} channels here")
        self._stream = self._container.add_stream("aac", rate=rate, layout=layout)
        self._stream.bit_rate = _AAC_BITS_PER_CHANNEL * channels
        self._layout, self._rate, self._done = layout, rate, 0

    def write(self, audio: np.ndarray) -> None:
        packed = np.ascontiguousarray(audio, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", self._layout)  # planes: not of 8 channels
        frame.sample_rate, frame.pts = self._rate, self._done
        self._done += len(audio)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        with self._out:
            if self._done:
                self._container.mux(self._stream.encode(None))
            self._container.close()
