"""The recording of a call. It appears after the call, and never replaces a file."""

import itertools
import os
from pathlib import Path

import numpy as np

from tfsr.audio_file import Writer
from tfsr.errors import UserError

_SERIAL = itertools.count(1)


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
        self._hidden = folder / f".{name}.{next(_SERIAL)}.wav"
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
            self._writer = Writer(self._hidden, self._rate, 1)
        if self._held:
            self._writer.write(np.concatenate(self._held)[:, np.newaxis])
        self._held, self._count = [], 0

    def close(self) -> Path:
        """Complete the file and return its path.

        Raises:
            UserError: the file cannot be written.
        """
        self._flush()
        assert self._writer is not None
        with self._writer:
            pass
        try:
            path = self._reserved()
            os.replace(self._hidden, path)
        except OSError as error:
            raise UserError(f"{self._hidden}: cannot be renamed ({error.strerror})") from error
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
