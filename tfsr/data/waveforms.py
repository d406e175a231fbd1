"""Decoded recordings, cached in memory up to a limit."""

import collections
import logging
import threading

import numpy as np

from tfsr.data.recordings import Recording
from tfsr.errors import UserError

_LOG = logging.getLogger("tfsr")


class Waveforms:
    """Recordings at one rate; the least recently used are dropped. Threads may share it.

    Recordings that can be read in place at this rate are not cached. Two threads that ask for the
    same recording at the same time may both decode it; they get equal arrays.

    Args:
        rate: Hz.
        cache_mb: megabytes of float32 samples to keep.
    """

    def __init__(self, rate: int, cache_mb: float):
        self._rate = rate
        self._room = cache_mb * 1e6
        self._lock = threading.Lock()
        self._kept: collections.OrderedDict[str, np.ndarray] = collections.OrderedDict()
        self._size = 0
        self._peaks: dict[str, float] = {}
        self._broken: set[str] = set()

    def usable(self, recording: Recording) -> bool:
        """Whether it can be decoded. If not, one line says so, and the result is remembered."""
        if recording.name in self._broken:
            return False
        if recording.seekable(self._rate):
            return True
        try:
            self._whole(recording)
        except UserError as error:
            with self._lock:
                told = recording.name in self._broken
                self._broken.add(recording.name)
            if not told:
                _LOG.warning("skipped: %s", error)
            return False
        return True

    def read(self, recording: Recording, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Samples [start, stop): float32 [time]; do not write to them."""
        if recording.seekable(self._rate):
            return recording.read(self._rate, start, stop)
        return self._whole(recording)[start:stop]

    def peak(self, recording: Recording) -> float:
        """The largest absolute sample of the whole recording."""
        if recording.name not in self._peaks:
            self._peaks[recording.name] = float(np.abs(self.read(recording)).max())
        return self._peaks[recording.name]

    def _whole(self, recording: Recording) -> np.ndarray:
        with self._lock:
            if recording.name in self._kept:
                self._kept.move_to_end(recording.name)
                return self._kept[recording.name]
        waveform = recording.read(self._rate)
        if len(waveform) != recording.length(self._rate):
            raise UserError(f"{recording.name}: changed since its header was read")
        waveform.flags.writeable = False
        with self._lock:
            self._keep(recording.name, waveform)
        return waveform

    def _keep(self, name: str, waveform: np.ndarray) -> None:
        if name in self._kept:
            return
        self._kept[name] = waveform
        self._size += waveform.nbytes
        while self._size > self._room:
            _, forgotten = self._kept.popitem(last=False)
            self._size -= forgotten.nbytes
