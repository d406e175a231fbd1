"""Test sets: damaged signals and their originals.

A test set is either made from references with a degradation, or read from two folders of files. It
has a `description` for reports, a length, and `items(input_rate, output_rate)`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from tfsr import audio_file
from tfsr.data.recordings import FileRecording, Recording, file_recordings, usable
from tfsr.degradation.base import Degradation
from tfsr.errors import UserError
from tfsr.signal.framing import trim
from tfsr.signal.resample import whole_ratio

# By which a signal may be longer than its counterpart: more is no matter of padding.
_MOST_EXCESS_SECONDS = 0.1

_Sound: TypeAlias = "FileRecording | audio_file.Info"
"""An object with a number of samples, and their rate in Hz."""


class Item(NamedTuple):
    """One signal.

    Attributes:
        name: unique in the set.
        speaker: the speaker's name.
        low: damaged, float32 [time] at the input rate.
        high: the original, float32 [ratio * time] at the output rate.
    """

    name: str
    speaker: str
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Preparation:
    """The processing of a reference before it is degraded.

    Args:
        trim_db: cut off both ends where the RMS of frames (2048 samples, one every 512) is this
            many dB below the loudest frame; None keeps them.
        peak: new largest absolute value; 0 keeps the level.
        shortest: a signal of fewer samples is padded with zeros on both sides to this length;
            longer ones are cut to a whole multiple of the ratio.
        longest: number of samples to keep, from the first on; None keeps all.
        multiple: before that, signals that are long enough are cut to a multiple of it.
        resampling: from the rate of a recording to the output rate; None: `Recording.read`'s.
    """

    trim_db: float | None = None
    peak: float = 0.0
    shortest: int = 256
    longest: int | None = None
    multiple: int = 1
    resampling: Callable[[np.ndarray, int, int], np.ndarray] | None = None

    def read(self, recording: Recording, rate: int) -> np.ndarray:
        """A recording at a rate in Hz, float32 [time]."""
        if self.resampling is None:
            return recording.read(rate)
        return self.resampling(recording.read(recording.rate), recording.rate, rate)

    def __call__(self, reference: np.ndarray, ratio: int) -> np.ndarray:
        """[time] at the output rate to float32 [a multiple of `ratio`]."""
        if self.trim_db is not None:
            reference = trim(reference, self.trim_db)
        if self.peak and np.any(reference):
            reference = reference / np.max(np.abs(reference)) * self.peak
        reference = reference[: self.longest]
        if reference.size >= self.shortest:
            reference = reference[: reference.size - reference.size % self.multiple]
        missing = max(self.shortest // ratio, 1) * ratio - reference.size
        if missing > 0:
            reference = np.pad(reference, (missing // 2, missing - missing // 2))
        return reference[: reference.size - reference.size % ratio].astype(np.float32)


@dataclass(frozen=True)
class Degraded:
    """References, each damaged with random draws of its own.

    Args:
        recordings: the references, at least one.
        degradation: makes low from high.
        preparation: of the references.
        seed: of the random draws, together with a reference's place in the list.
    """

    recordings: Sequence[Recording]
    degradation: Degradation
    preparation: Preparation = Preparation()
    seed: int = 0

    @property
    def description(self) -> str:
        return repr(self.degradation)

    def __len__(self) -> int:
        return len(self.recordings)

    def items(self, input_rate: int, output_rate: int) -> Iterator[Item]:
        """The items in the order of the recordings.

        Raises:
            UserError: a recording cannot be decoded.
        """
        ratio = whole_ratio(output_rate, input_rate)
        for index, recording in enumerate(self.recordings):
            high = self.preparation(self.preparation.read(recording, output_rate), ratio)
            rng = np.random.default_rng([self.seed, index])
            pair = self.degradation.pair(high, output_rate, input_rate, rng)
            low, high = (signal.astype(np.float32) for signal in pair)
            yield Item(recording.name, recording.speaker, low, high)


class Pairs:
    """Damaged files of a folder, and their originals of the same names in another folder.

    Examples are the noisy and clean folders of the Voicebank-DEMAND test set, or your own
    recordings with two microphones. Originals are resampled to the system's output rate. If one of
    a pair is longer, its end is left out, 0.1 s at most.

    Args:
        low: folder of the damaged files; sub-folders are searched too.
        high: folder of the originals. It may have more files, which the description tells, and
            another format.
        files: number of damaged files to use, from the first on.

    Raises:
        UserError: a folder has no usable audio, or a damaged file has no counterpart.
    """

    def __init__(self, low: Path, high: Path, files: int | None = None):
        counterparts = by_stem(Path(high))
        self._pairs = []
        for stem, recording in [*by_stem(Path(low)).items()][:files]:
            if stem not in counterparts:
                raise UserError(f"{recording.path}: {high} has no recording {stem} to compare with")
            self._pairs.append((recording, counterparts[stem]))

        more = len(counterparts) - len(self._pairs)
        left = f", {more} of which have no counterpart or are left out" if more else ""
        self.description = (
            f"files of {Path(low).name}, compared with those of {Path(high).name}{left}"
        )

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self, input_rate: int, output_rate: int) -> Iterator[Item]:
        """The items in the order of their names; see `Degraded.items`."""
        ratio = whole_ratio(output_rate, input_rate)
        for damaged, good in self._pairs:
            _check_pair(damaged, good, input_rate if ratio > 1 else None)
            low, high = damaged.read(input_rate), good.read(output_rate)
            time = min(low.size, high.size // ratio)
            if not time:
                raise UserError(f"{good.path}: shorter than a sample at {input_rate} Hz")
            yield Item(damaged.name, damaged.speaker, low[:time], high[: ratio * time])


def _check_pair(damaged: FileRecording, good: FileRecording, rate: int | None) -> None:
    """Raise UserError if a pair's lengths or the low signal's rate, in Hz, do not fit."""
    if rate and damaged.rate != rate:
        raise UserError(f"{damaged.path}: is at {damaged.rate} Hz, and the system takes {rate} Hz")
    check_lengths(damaged.path, damaged, good.path, good)


def check_lengths(path: Path, sound: _Sound, of: Path, counterpart: _Sound) -> None:
    """Raise UserError if a file is longer or shorter than its counterpart by more than 0.1 s."""
    seconds = [one.samples / one.rate for one in (sound, counterpart)]
    if abs(seconds[0] - seconds[1]) > _MOST_EXCESS_SECONDS:
        raise UserError(
            f"{path}: {sound.samples} samples at {sound.rate} Hz, and {of} has "
            f"{counterpart.samples} at {counterpart.rate} Hz: give files that differ by "
            f"{_MOST_EXCESS_SECONDS} s at most"
        )


def by_stem(folder: Path) -> dict[str, FileRecording]:
    """The recordings, in order, by their paths below the folder without the extensions."""
    headers, _ = usable(folder, audio_file.find(folder))
    found: dict[str, FileRecording] = {}
    for recording in file_recordings(
        folder, headers, ((path, folder.name, "test") for path in headers)
    ):
        stem = Path(recording.name).with_suffix("").as_posix()
        if stem in found:
            raise UserError(
                f"{recording.path}: {found[stem].path.name} has the same name; remove one"
            )
        found[stem] = recording
    return found
