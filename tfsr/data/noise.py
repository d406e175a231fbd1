"""Recorded noise for the training of restoration."""

import functools
import os
from dataclasses import dataclass, field

import numpy as np

from tfsr.arguments import NOT_NEGATIVE, check
from tfsr.data.corpora import corpus
from tfsr.data.recordings import SPLITS, Corpus, Recording
from tfsr.data.waveforms import Waveforms
from tfsr.errors import UserError

# Seconds of silence at the end rather than a further piece so short (VoiceFixer's code).
_NEGLIGIBLE = 0.1


@dataclass(frozen=True)
class Noise:
    """Random pieces of noise, in the form that `tfsr.degradation.damage.Damage` expects.

    Threads may share it. All recordings are equally likely, whatever their length, and a random
    piece is drawn. A recording that is too short is used whole. Pieces of others follow, until less
    than 0.1 s is missing, which is filled with zeros (VoiceFixer, Liu et al. 2022). Channels are
    averaged. Recordings that cannot be decoded are skipped with a line each. Nothing is read before
    the first draw.

    Args:
        corpus: a `tfsr.data.recordings.Corpus` or the path of one.
        split: "train", "validation" or "test": noise for tests should be new to the system.
        cache_mb: megabytes of decoded recordings to keep in memory, for each rate. A corpus that
            does not fit should be prepared with `python -m tfsr.prepare` at the signals' rate.

    Raises:
        UserError: an argument is out of range. When called: there is no such corpus, or no usable
            recording in the split.
    """

    corpus: Corpus | str | os.PathLike | None = None
    split: str = "train"
    cache_mb: float = 1024
    _waveforms: dict[int, Waveforms] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self):
        check("Noise", vars(self), {"cache_mb": NOT_NEGATIVE})
        if self.split not in SPLITS:
            raise UserError(f"Noise.split is {self.split!r}; choose one of {', '.join(SPLITS)}")

    def __call__(self, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Draw noise.

        Args:
            samples: at least 1.
            rate: Hz.
            rng: the only source of randomness.

        Returns:
            float32 [samples].
        """
        # One for all threads: this is a single step of the interpreter.
        waveforms = self._waveforms.setdefault(rate, Waveforms(rate, self.cache_mb))
        pieces, missing = [], samples
        while missing == samples or missing > _NEGLIGIBLE * rate:
            pieces.append(self._piece(waveforms, missing, rate, rng))
            missing -= len(pieces[-1])
        return np.concatenate([*pieces, np.zeros(missing, np.float32)])

    def check(self) -> None:
        """Raise UserError if there is no recording."""
        len(self._recordings)

    def _piece(
        self, waveforms: Waveforms, samples: int, rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        recording = self._usable(waveforms, int(rng.integers(len(self._recordings))))
        start = int(rng.integers(max(recording.length(rate) - samples, 0), endpoint=True))
        return waveforms.read(recording, start, start + samples)

    def _usable(self, waveforms: Waveforms, number: int) -> Recording:
        """The recording of this number, or the next one that can be decoded."""
        count = len(self._recordings)
        for other in range(number, number + count):
            if waveforms.usable(self._recordings[other % count]):
                return self._recordings[other % count]
        raise UserError("Noise.corpus: no recording can be decoded")

    @functools.cached_property
    def _recordings(self) -> list[Recording]:
        if self.corpus is None:
            raise UserError("Noise.corpus is not set; give a folder of recorded noise")
        found = self.corpus if isinstance(self.corpus, Corpus) else corpus(self.corpus)
        recordings = found.recordings(self.split)
        if not recordings:
            raise UserError(f"Noise.corpus: {found.name}: has no {self.split} recordings")
        return recordings
