"""A recording on disk, opened once."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from tfsr.audio_file import opening
from tfsr.audio_file.conversion import converted
from tfsr.audio_file.decoder import Fault, Info, Unreadable
from tfsr.audio_file.file_view import FileView, file_size, regular
from tfsr.audio_file.headerless import Raw
from tfsr.errors import UserError

# Hz. Others are damage, by which a short file would become hours of output.
_RATES = (1000, 1_000_000)

# Of float samples, far beyond those that were scaled as integers: squares stay finite.
_LARGEST = 1e12

_BLOCK = 65536


class AudioFile:
    """A recording: its header, its tags, and all of its samples, which can be read repeatedly.

    It is a context manager. It never seeks within a stream, and does not believe estimated lengths.
    From an unfinished or damaged file it reads what is there. A pipe is kept in a temporary file.

    Args:
        path: of a file, a pipe or a device.
        raw: coding of a file without header; None: the file or its name tells it.

    Attributes:
        path: as given.
        rate: Hz.
        channels, subtype, format: see `Info`.
        tags: its tags ("title", "artist", "date" ...), without that of the software.
        assumed: coding of its samples, if only its name tells it.

    Raises:
        UserError: the file is missing, a folder, empty, not audio, or without samples.
    """

    def __init__(self, path: str | os.PathLike, raw: Raw | None = None):
        self.path = path
        self._file = regular(_opened(path))
        try:
            self._open(raw)
        except Unreadable as error:
            self.close()
            raise UserError(f"{path}: cannot be read as audio ({error})") from error
        except UserError:
            self.close()
            raise

    def _open(self, raw: Raw | None) -> None:
        if file_size(self._file) == 0:
            raise UserError(f"{self.path}: is empty (0 bytes)")
        self._found = opening.find(FileView(self._file), os.fspath(self.path), raw)
        first = self._found.decoders[0]
        self.rate, self.channels = first.rate, first.channels
        self.subtype, self.format = first.subtype, first.format
        self.assumed = self._found.assumed
        self.tags = {name: text for name, text in first.tags.items() if name != "software"}
        if not _RATES[0] <= self.rate <= _RATES[1]:
            raise UserError(
                f"{self.path}: is damaged (its header tells a rate of {self.rate} Hz, not one of "
                f"{_RATES[0]} to {_RATES[1]})"
            )
        self._decoded, self._silent = False, True
        self._faults: list[Fault] = []
        # 0 until all is decoded, where they are not declared.
        self._samples = self.declared_samples or 0
        if self.declared_samples == 0:
            raise UserError(f"{self.path}: holds no samples")

    @property
    def declared_samples(self) -> int | None:
        """Number of samples in each channel, if the header is certain to declare it; else None."""
        declared = 0
        for decoder in self._found.decoders:
            if decoder.samples is None or decoder.rate != self.rate:
                return None
            declared += decoder.samples
        return min(declared, self._found.limit or declared)

    @property
    def samples(self) -> int:
        """Number of samples in each channel; if the header is uncertain, all is decoded for it."""
        if not self._samples:
            self.know()
        return self._samples

    @property
    def info(self) -> Info:
        return Info(self.rate, self.samples, self.channels, self.subtype, self.format)

    @property
    def silent(self) -> bool:
        """Whether it contains only zeros."""
        self.know()
        return self._silent

    @property
    def faults(self) -> list[Fault]:
        """Its faults; all is decoded for this, if that was not done before."""
        self.know()
        return self._faults

    def know(self) -> None:
        """Decode all of it, if that was not done before, to know its length and its faults.

        Raises:
            UserError: as in `blocks`.
        """
        if not self._decoded:
            for _ in self.blocks():
                pass

    def blocks(self, block_samples: int | None = None) -> Iterator[np.ndarray]:
        """All of it as float32 [block_samples, channels] (the last one shorter).

        Args:
            block_samples: None: a number for which six channels need as much memory as one.

        Raises:
            UserError: while iterating, for NaN, infinite or absurd samples, or if nothing can be
                decoded.
        """
        size, done = block_samples or max(_BLOCK // self.channels, 1), 0
        silent = True
        try:
            for block in _of_size(self._sounds(size), size):
                check_finite(self.path, block, self.rate, done)
                done += len(block)
                silent = silent and not block.any()
                yield block
        except Unreadable as error:
            raise UserError(f"{self.path}: is damaged ({error})") from error
        if not done:
            raise UserError(f"{self.path}: holds no samples")
        decoding = [fault for decoder in self._found.decoders for fault in decoder.faults]
        self._samples, self._silent = done, silent
        self._faults = [*self._found.lacks(done / self.rate), *decoding]
        self._decoded = True

    def _sounds(self, size: int) -> Iterator[np.ndarray]:
        """Blocks of all decoders, with rate and channels of the first one, up to the limit."""
        left = self._found.limit
        sounds = (
            (sound, decoder.rate)
            for decoder in self._found.decoders
            for sound in decoder.blocks(size)
        )
        for sound in converted(sounds, self.rate, self.channels):
            yield sound[:left]
            left = None if left is None else max(left - len(sound), 0)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "AudioFile":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _opened(path: str | os.PathLike) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not an audio file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _of_size(sounds: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same in blocks of `size` samples, the last one shorter."""
    held, count = [], 0
    for sound in sounds:
        held.append(sound)
        count += len(sound)
        if count >= size:
            whole = held[0] if len(held) == 1 else np.concatenate(held)
            for start in range(0, count - size + 1, size):
                yield whole[start : start + size]
            held, count = [whole[count - count % size :]], count % size
    if count:
        yield np.concatenate(held)


def check_finite(path: str | os.PathLike, audio: np.ndarray, rate: int, first: int) -> None:
    """Raise UserError for an invalid sample; `first` is the position of the first sample."""
    bad = ~(np.abs(audio) <= _LARGEST).all(axis=1)
    if bad.any():
        place = int(np.argmax(bad))
        kind = f"beyond {_LARGEST:g}" if np.isfinite(audio[place]).all() else "NaN or infinite"
        raise UserError(f"{path}: a sample is {kind}, first at {(first + place) / rate:.3f} s")
