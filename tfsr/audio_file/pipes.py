"""Read and write sound in real time: raw samples, or WAV of unknown length."""

import os
import select
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from tfsr.audio_file.audio_file import check_finite
from tfsr.audio_file.chunks import ENDLESS, EXTENSIBLE, PCM
from tfsr.audio_file.headerless import CODINGS, Raw
from tfsr.audio_file.sndfile import decoded
from tfsr.audio_file.writer import rounded
from tfsr.errors import UserError

T = TypeVar("T")

# Codings whose samples stand alone, and the bytes of each.
_BYTES = {
    **{"ulaw": 1, "alaw": 1, "s8": 1, "u8": 1, "s16le": 2, "s16be": 2},
    **{"s24le": 3, "s32le": 4, "f32le": 4},
}
# By the format tag and the bits of a WAV header.
_OF_WAV = {
    **{(PCM, 8): "u8", (PCM, 16): "s16le", (PCM, 24): "s24le", (PCM, 32): "s32le"},
    **{(3, 32): "f32le", (6, 8): "alaw", (7, 8): "ulaw"},
}
# How other files begin, which would be noise if they were taken for samples.
_OTHERS = {
    **{b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3", b"FORM": "AIFF", b".snd": "AU"},
    **{b"RF64": "RF64", b"RIFX": "RIFX", b"caff": "CAF", b"riff": "W64"},
}
_MOST_READ = 1 << 16
_LARGEST_FORMAT = 1 << 10


class PipeReader:
    """Decodes the data of a descriptor at once; a WAV header is recognised.

    Args:
        descriptor: read without a buffer, so that no data wait in one.
        name: its name in messages.
        raw: format of the samples. None: the WAV header tells it, else it is `usual`.
        usual: see `raw`.

    Attributes:
        is_wav: whether it began with a WAV header.
        raw: format of its samples.
        rest: number of bytes at the end that were no whole sample.

    Raises:
        UserError: it cannot be read, is a file of another kind, or its coding has samples that
            depend on others.
    """

    def __init__(self, descriptor: int, name: str, raw: Raw | None, usual: Raw):
        self._descriptor, self._name = descriptor, name
        self._held = b""
        self._left: int | None = None  # bytes of samples; None: to the end
        self.rest = 0
        self.is_wav = self._begins_as_wav()
        if self.is_wav and raw:
            raise UserError(f"{name}: begins with a WAV header, which `raw` would take for sound")
        if raw is None:
            self._refuse_others()
        self.raw = self._header() if self.is_wav else raw or usual
        if self.raw.coding not in _BYTES:
            raise UserError(
                f"`raw` {self.raw}: {self.raw.coding} is not for streams; "
                f"choose one of {' '.join(_BYTES)}"
            )

    def blocks(self) -> Iterator[np.ndarray]:
        """float32 [time, channels], as the data arrive; a partial sample waits for its rest.

        Raises:
            UserError: it cannot be read; or a sample is NaN, infinite or absurd.
        """
        coding, channels = CODINGS[self.raw.coding], self.raw.channels
        endian = "BIG" if self.raw.coding.endswith("be") else "LITTLE"
        size, done = channels * _BYTES[self.raw.coding], 0
        while self._left != 0 and (self._held or self._more()):
            data = self._held[: self._left]
            whole = len(data) // size * size
            if whole:
                audio = decoded(data[:whole], coding, channels, endian)
                check_finite(self._name, audio, self.raw.rate, done)
                done += len(audio)
                yield audio
            self._left = None if self._left is None else self._left - whole
            self._held = self._held[whole:]
            if self._left == 0 or not self._more():
                break
        self.rest = len(self._held[: self._left])

    def _more(self) -> bool:
        """Wait for more data; False at the end."""
        try:
            data = _waiting(lambda: os.read(self._descriptor, _MOST_READ), [self._descriptor])
        except OSError as error:
            raise UserError(f"{self._name}: cannot be read ({error.strerror})") from error
        self._held += data
        return bool(data)

    def _begins_as_wav(self) -> bool:
        """Whether it begins with a WAV header, decided by the first bytes."""
        if not self._begins_with(b"RIFF"):
            return False
        while len(self._held) < 12 and self._more():
            pass
        return self._held[8:12] == b"WAVE"

    def _begins_with(self, begin: bytes) -> bool:
        """Whether the data begin so; no more are read than tell."""
        while len(self._held) < len(begin) and begin.startswith(self._held) and self._more():
            pass
        return self._held.startswith(begin)

    def _refuse_others(self) -> None:
        for begin, kind in _OTHERS.items():
            if self._begins_with(begin):
                raise UserError(
                    f"{self._name}: is {kind}; ffmpeg -i - -ar 8000 -ac 1 -f s16le - makes samples "
                    "of it, and `raw` takes it as it is"
                )

    def _header(self) -> Raw:
        """The format of the samples, from the data before them."""
        self._take(12)
        form = b""
        while (name := self._take(4)) != b"data":
            (size,) = struct.unpack("<I", self._take(4))
            if name == b"fmt " and size <= _LARGEST_FORMAT:
                form = self._take(size + size % 2)
            else:
                self._skip(size + size % 2)
        (size,) = struct.unpack("<I", self._take(4))
        self._left = None if size >= ENDLESS or size == 0 else size
        if len(form) < 16:
            raise UserError(f"{self._name}: its WAV header tells no format; give `raw`")
        return self._format(form)

    def _format(self, form: bytes) -> Raw:
        tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
        if tag == EXTENSIBLE and len(form) >= 26:
            (tag,) = struct.unpack("<H", form[24:26])
        if (tag, bits) not in _OF_WAV or not 0 < channels <= 1024:
            raise UserError(
                f"{self._name}: WAV of format {tag:#06x}, {bits} bits and {channels} channels is "
                "not for streams; make it s16le, by ffmpeg -i - -ar 8000 -f s16le - for one"
            )
        return Raw(rate, _OF_WAV[tag, bits], channels)

    def _take(self, size: int) -> bytes:
        """This number of bytes of the header."""
        while len(self._held) < size:
            if not self._more():
                raise UserError(f"{self._name}: ends within its WAV header")
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def _skip(self, size: int) -> None:
        while size > 0:
            size -= len(self._take(min(size, _MOST_READ)))


class PipeWriter:
    """Writes 16-bit samples to a descriptor, each block at once.

    Args:
        descriptor: written to without a buffer.
        name: its name in messages.
        rate: Hz.
        channels: of every block.
        wav: begin with a WAV header; like FFmpeg's, it tells that the length is unknown.

    Raises:
        UserError: it cannot be written to. If the reader has gone, BrokenPipeError is raised.
    """

    def __init__(self, descriptor: int, name: str, rate: int, channels: int, wav: bool):
        self._descriptor, self._name = descriptor, name
        if wav:
            form = struct.pack(
                "<HHIIHH", PCM, channels, rate, 2 * channels * rate, 2 * channels, 16
            )
            endless = struct.pack("<I", 0xFFFFFFFF)
            self._send(b"RIFF" + endless + b"WAVE")
            self._send(b"fmt " + struct.pack("<I", len(form)) + form + b"data" + endless)

    def write(self, audio: np.ndarray) -> None:
        """Write float32 [time, channels]; samples outside [-1, 1] are clipped."""
        self._send(rounded(audio, 16).astype("<i2").tobytes())

    def _send(self, data: bytes) -> None:
        try:
            while data:
                data = data[self._written(data) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UserError(f"{self._name}: cannot be written ({error.strerror})") from error

    def _written(self, data: bytes) -> int:
        return _waiting(lambda: os.write(self._descriptor, data), to_write=[self._descriptor])


def _waiting(do: Callable[[], T], to_read: Sequence[int] = (), to_write: Sequence[int] = ()) -> T:
    """`do()`; if a descriptor is not ready, wait for it and try again."""
    while True:
        try:
            return do()
        except BlockingIOError:
            select.select(to_read, to_write, [])
