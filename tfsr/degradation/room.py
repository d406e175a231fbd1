"""Reverberation by room responses from files; `tfsr rooms` simulates such."""

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfsr import audio_file
from tfsr.arguments import SHARE, check
from tfsr.degradation.base import Degradation
from tfsr.degradation.effects import reverberate
from tfsr.errors import UserError
from tfsr.signal.resample import resample

# About 100 MB of responses of half a second at 44.1 kHz.
_KEPT = 1024

# The direct sound, with all that microphones and resampling spread.
_DIRECT_SECONDS = 0.0025


@dataclass(frozen=True)
class Room(Degradation):
    """The sound of a room, one response of a folder drawn evenly for each signal.

    Before the signal there is silence, as in the authors' code. Nothing is read before the first
    signal comes.

    Args:
        folder: with responses in audio files of any rates, also in folders below; of several
            channels the first counts.
        part: "train" or "test" uses that part of the responses alone. So a system can be
            tested in rooms that it has not heard; None uses all.
        test_share: of the responses, about (5,000 of 43,239, Liu et al. 2022). A file's part
            depends on its name without the extension, and so stays when others come.
        aligned: whether the direct sound keeps its time, and the whole its level. The signal itself
            is then the target of restoration. Otherwise the sound is late by the distance from the
            speaker, and a too loud signal becomes softer.
        direct_db: least and most level of the direct sound over all other, in dB. A level is drawn
            for each signal: speakers are nearer or farther. None: that of the response.

    Raises:
        UserError: when called, where there is no such folder or no response in it.
    """

    folder: str | os.PathLike | None = None
    part: str | None = None
    test_share: float = 5000 / 43239
    aligned: bool = False
    direct_db: tuple[float, float] | None = None
    changes_rate = False

    def __post_init__(self):
        if self.part not in ("train", "test", None):
            raise UserError(f"Room.part is {self.part!r}; choose 'train', 'test' or None")
        check("Room", vars(self), {"test_share": SHARE})

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        response = _response(self._paths[rng.integers(len(self._paths))], output_rate)
        if self.direct_db is not None:
            response = _at_distance(response, output_rate, rng.uniform(*self.direct_db))
        return reverberate(high, response, self.aligned)

    def check(self) -> None:
        """UserError where there is no response."""
        len(self._paths)

    @functools.cached_property
    def _paths(self) -> list[Path]:
        make = "`tfsr rooms FOLDER` makes room responses"
        if self.folder is None:
            raise UserError(f"Room.folder is not set; {make}")
        if not Path(self.folder).is_dir():
            raise UserError(f"Room.folder: {self.folder}: no such folder; {make}")
        found = [path for path in audio_file.find(self.folder) if self._in_part(path)]
        if not found:
            part = f" for part {self.part!r}" if self.part else ""
            raise UserError(f"Room.folder: {self.folder}: holds no audio file{part}; {make}")
        return found

    def _in_part(self, path: Path) -> bool:
        if self.part is None:
            return True
        place = int.from_bytes(hashlib.sha256(path.stem.encode()).digest()[:6], "big") / 2**48
        return (self.part == "test") == (place < self.test_share)


def _at_distance(response: np.ndarray, rate: int, direct_db: float) -> np.ndarray:
    """The response with softer or louder reflections."""
    place, near = int(np.argmax(np.abs(response))), round(_DIRECT_SECONDS * rate)
    direct = np.zeros(len(response), bool)
    direct[max(place - near, 0) : place + near + 1] = True
    energy = [float(np.sum(np.square(response[of]))) for of in (direct, ~direct)]
    gain = np.sqrt(energy[0] / (energy[1] or 1.0)) * 10 ** (-direct_db / 20)
    return np.where(direct, response, np.float32(gain) * response)


@functools.lru_cache(_KEPT)
def _response(path: Path, rate: int) -> np.ndarray:
    """float32 [time] at `rate` Hz, not to be written to."""
    audio, stored_rate = audio_file.read(path)
    # A response of more samples has a larger sum, which is its gain.
    response = resample(audio[:, 0], stored_rate, rate) * np.float32(stored_rate / rate)
    response.flags.writeable = False
    return response
