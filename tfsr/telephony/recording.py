"""The recording of a call. It appears after the call, and never replaces a file."""

import itertools
import os
import shutil
import time
from pathlib import Path

import numpy as np

from tfsr.audio_file import Writer
from tfsr.errors import UserError

# No other process that records here has begun at the same time.
_NUMBERS = (f"{time.time_ns()}-{number}" for number in itertools.count(1))

# Bytes that are left free on the disk: a recording ends before it is full, and so is whole.
_RESERVE = 1 << 20


class Recording:
    """A WAV file of 16 bits, with the name of the call.

    Args:
        folder: an existing folder.
        name: of the call. If there is a file of that name, -2 and so on is added.
        rate: Hz.
        first: number of samples collected before the file is begun; later writes collect a second.
            Different numbers keep calls that begin together from writing at the same time.
    """

    def __init__(self, folder: Path, name: str, rate: int, first: int):
        self._folder, self._name = folder, name
        self._unfinished = folder / f"{name}.{next(_NUMBERS)}.wav"
        self._writer: Writer | None = None
        self._rate, self._wait = rate, first
        self._held: list[np.ndarray] = []
        self._count = 0

    def write(self, audio: np.ndarray) -> None:
        """Append float32 [time].

        Raises:
            UserError: the file cannot be written.
        """
        self._held.append(audio)
        self._count += len(audio)
        if self._count >= self._wait:
            self._flush()
            self._wait = self._rate

    def _flush(self) -> None:
        if self._writer is None:  # not before: many calls may begin at once
            self._writer = Writer(self._unfinished, self._rate, 1)
        if self._held:
            self._writer.write(np.concatenate(self._held)[:, np.newaxis])
        self._held, self._count = [], 0
        if shutil.disk_usage(self._folder).free < _RESERVE:
            raise UserError(f"{self._finished()}: ends here, for the disk is full")

    def close(self) -> Path:
        """Complete the file and return its path.

        Raises:
            UserError: the file cannot be written.
        """
        self._flush()
        return self._finished()

    def _finished(self) -> Path:
        """The file with what was written so far."""
        assert self._writer is not None
        with self._writer:
            pass
        try:
            path = self._reserved()
            os.replace(self._unfinished, path)
        except OSError as error:
            raise UserError(f"{self._unfinished}: cannot be renamed ({error.strerror})") from error
        return path

    def _reserved(self) -> Path:
        """A new file name, reserved by an empty file."""
        for number in itertools.count(1):
            path = self._folder / f"{self._name}{f'-{number}' if number > 1 else ''}.wav"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
                return path
            except FileExistsError:
                continue
        raise AssertionError("there is always one more number")
