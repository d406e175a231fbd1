"""Leave out recordings that do not fill the band that a model is to learn.

A call that is stored at 16 kHz is no target at 16 kHz. A model trained on it learns that there is
nothing above 4 kHz.
"""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from tfsr.data.recordings import Corpus, Recording
from tfsr.errors import UserError
from tfsr.signal.speech import hear

# So much of the band must be there to be taken for all of it.
_FILLED = 0.8

# Sounds may go up to so much further than speech is found, which fades away; noise alone may not.
_FADES = 8 / 7

# Of longer recordings so many parts are measured, evenly spread, of so many seconds.
_PARTS = 6
_PART_SECONDS = 10

_LOG = logging.getLogger("tfsr")


class FullBand(Corpus):
    """A corpus without the recordings that do not fill the band of a rate.

    When a split is asked for, a line reports each left-out recording, and another their number.
    Recordings that cannot be decoded are kept; their readers handle them. The choice depends on the
    recordings only.

    Args:
        corpus: any other corpus.
        rate: Hz, of the target signals.
    """

    def __init__(self, corpus: Corpus, rate: int):
        self._corpus = corpus
        self._rate = rate
        self._bands: dict[str, float] = {}
        self._kept: dict[str, list[Recording]] = {}
        self.name = corpus.name

    def recordings(self, split: str) -> list[Recording]:
        """The recordings of a split that fill the band, in order of their names.

        Raises:
            UserError: see `Corpus.recordings`; or no train recording fills the band.
        """
        if split not in self._kept:
            self._kept[split] = self._filling(split)
        return self._kept[split]

    @property
    def licence(self) -> str:
        return self._corpus.licence

    @property
    def sources(self) -> list[dict[str, str]]:
        return self._corpus.sources

    def _scan(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        return self._corpus.all_recordings, self._corpus.skipped

    def _filling(self, split: str) -> list[Recording]:
        found = self._corpus.recordings(split)
        self._bands |= self._measured(found)
        why = {one.name: too_narrow(one, self._rate, self._bands[one.name]) for one in found}
        for reason in filter(None, why.values()):
            _LOG.warning("left out: %s", reason)
        kept = [one for one in found if not why[one.name]]
        if len(kept) < len(found):
            counts = (len(found) - len(kept), len(found), split, self.name)
            _LOG.warning("left out %d of %d %s recordings of %s: too narrow", *counts)
        if found and not kept and split == "train":
            raise UserError(
                f"{self.name}: no recording fills the band of {self._rate} Hz; train for a "
                "lower rate, or keep them all with --nofull_band"
            )
        return kept

    def _measured(self, recordings: list[Recording]) -> dict[str, float]:
        """The measured bands by name, with several recordings measured at once."""
        new = [one for one in recordings if one.name not in self._bands]
        unknown = sum(one.band_hz is None for one in new)
        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,
            tqdm(total=unknown, unit="file", desc="measuring", leave=False, disable=None) as bar,
        ):
            bands = {}
            for one, band in zip(new, pool.map(self._band, new), strict=True):
                bands[one.name] = band
                bar.update(one.band_hz is None)
        return bands

    def _band(self, recording: Recording) -> float:
        if recording.band_hz is not None or recording.rate < self._rate:
            return recording.band_hz or recording.rate / 2
        try:
            return band_hz(recording.read(self._rate), self._rate)
        except UserError:  # told by whoever reads it to train with
            return self._rate / 2


def band_hz(audio: np.ndarray, rate: int) -> float:
    """The highest frequency in Hz of the band that a model can learn from a recording.

    This is where all sound ends, but not much above the speech: noise above a call is no speech.

    Args:
        audio: float [time].
        rate: Hz.
    """
    heard = hear((part[:, np.newaxis] for part in _parts(audio, rate)), rate)
    return min(heard.sound_hz, _FADES * heard.bandwidth_hz)


def too_narrow(recording: Recording, rate: int, band: float) -> str:
    """The reason why a recording is no target at a rate in Hz; "" if it is one.

    Args:
        band: its highest frequency, in Hz.
    """
    if recording.rate < rate:
        return f"{recording.name}: is stored at {recording.rate} Hz, which is no target at {rate}"
    if band < _FILLED * rate / 2:
        nothing = f"nothing above {band / 1000:.1f} kHz"
        return f"{recording.name}: {nothing}, which is no target at {rate} Hz"
    return ""


def _parts(audio: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    length = _PART_SECONDS * rate
    if len(audio) <= _PARTS * length:
        yield audio
        return
    for start in np.linspace(0, len(audio) - length, _PARTS).astype(int):
        yield audio[start : start + length]
