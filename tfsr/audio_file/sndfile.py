"""Decoding with libsndfile, for formats that it reads exactly."""

import io
from collections.abc import Iterator

import numpy as np
import soundfile

from tfsr.audio_file import ogg
from tfsr.audio_file.decoder import Fault, Unreadable, ends_early
from tfsr.audio_file.file_view import FileView
from tfsr.postponed import uninterrupted

# Of a header that tells no length.
_UNKNOWN = 2**62


class _Stream(soundfile.SoundFile):
    """Reads without seeking; soundfile seeks after each read if it can, and decoders lose sound."""

    def seekable(self) -> bool:
        return False

    def block(self, samples: int) -> np.ndarray:
        """Up to this many samples, [time, channels] of float32."""
        with uninterrupted():
            return self.read(samples, dtype="float32", always_2d=True)


class SndfileDecoder:
    """See `tfsr.audio_file.decoder.Decoder`.

    Args:
        view: the recording.
        how: for a file without header, the arguments of `soundfile.SoundFile`.

    Raises:
        Unreadable: libsndfile does not know the format.
    """

    def __init__(self, view: FileView, **how):
        self._view, self._how = view, how
        self.faults: list[Fault] = []
        with self._open() as file:
            self.rate, self.channels = file.samplerate, file.channels
            self.subtype, self.format = file.subtype, file.format
            self.samples = file.frames if file.frames < _UNKNOWN else None
            self.tags = file.copy_metadata()
        surround = self.format == "OGG" and ogg.is_surround(view)
        self._order = ogg.channel_order(self.channels) if surround else None

    def blocks(self, block_samples: int) -> Iterator[np.ndarray]:
        self.faults, done = [], 0
        with self._open() as file:
            try:
                while len(block := file.block(block_samples)):
                    done += len(block)
                    yield block if self._order is None else block[:, self._order]
            except soundfile.SoundFileError as error:
                self.faults.append(Fault(f"is damaged after {done / self.rate:.3f} s"))
                if not done:
                    raise Unreadable(reason(error)) from error
        if self.samples and done < self.samples:
            self.faults.append(ends_early((self.samples - done) / self.rate))

    def _open(self) -> _Stream:
        try:
            with uninterrupted():
                return _Stream(self._view.again(), **self._how)
        except (OSError, TypeError, ValueError, soundfile.SoundFileError) as error:
            raise Unreadable(reason(error)) from error


def decoded(data: bytes, subtype: str, channels: int, endian: str = "LITTLE") -> np.ndarray:
    """Samples without header, float32 [time, channels]; `subtype` is libsndfile's name."""
    how = {"channels": channels, "subtype": subtype, "endian": endian}
    with soundfile.SoundFile(io.BytesIO(data), samplerate=8000, format="RAW", **how) as file:
        return file.read(dtype="float32", always_2d=True)


def through_file(signal: np.ndarray, rate: int, container: str, subtype: str, **how) -> np.ndarray:
    """A signal after writing and reading a file, float64 [time], with the same length.

    Args:
        signal: [time]; samples outside [-1, 1] are clipped.
        rate: Hz.
        container, subtype: libsndfile's names.
        how: further arguments of `soundfile.write`, such as its compression_level.
    """
    file = io.BytesIO()
    soundfile.write(file, np.clip(signal, -1, 1), rate, format=container, subtype=subtype, **how)
    file.seek(0)
    return soundfile.read(file)[0][: len(signal)]  # codecs fill their last frame


def reason(error: Exception) -> str:
    """The reason of an error, without the file name, which the caller adds."""
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return text.strip().rstrip(".")
