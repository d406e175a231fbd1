"""The parts of a corpus: recordings, each with one speaker and in one split."""

import abc
import functools
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfsr import audio_file
from tfsr.errors import UserError
from tfsr.signal.resample import resample, resampled_length

SPLITS = ("train", "validation", "test")
UNKNOWN = "unknown"
"""Licence of a corpus that does not name one."""

_LICENCE_FILE = re.compile(r"(licen[cs]e(_text)?|copying)(\.txt|\.md)?", re.IGNORECASE)

_LOG = logging.getLogger("tfsr")


@dataclass(frozen=True)
class Recording(abc.ABC):
    """One recording; its audio is not held in memory.

    Attributes:
        name: path within the corpus, unique there.
        speaker: the speaker's name within the corpus.
        split: "train", "validation" or "test".
        rate: Hz, as stored.
        samples: number of samples as stored, at least 1.
        band_hz: highest frequency of its band, see `tfsr.data.full_band`; None: not measured.
    """

    name: str
    speaker: str
    split: str
    rate: int
    samples: int
    band_hz: float | None = field(default=None, kw_only=True)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    def length(self, rate: int) -> int:
        """Number of samples at `rate` Hz."""
        return resampled_length(self.samples, self.rate, rate)

    def seekable(self, rate: int) -> bool:
        """Whether `read` at `rate` costs only the requested samples."""
        return False

    @abc.abstractmethod
    def read(self, rate: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Samples [start, stop) of the recording at `rate` Hz: float32 [time], mono.

        Raises:
            UserError: the file cannot be decoded.
        """


@dataclass(frozen=True)
class FileRecording(Recording):
    """An audio file; several channels are averaged."""

    path: Path

    def read(self, rate: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        return read_mono(self.path, rate)[start:stop]


class Corpus(abc.ABC):
    """Recordings in three splits. Nothing is read before the recordings are asked for.

    Attributes:
        name: for titles and reports.
        skipped: (file, reason) of the files that could not be used.
        licence: of the recordings, see `licence_in`.
    """

    name: str
    _root: Path | None = None

    def recordings(self, split: str) -> list[Recording]:
        """The recordings of a split, in order of their names.

        Raises:
            UserError: the corpus is not there, or has no usable recording at all.
        """
        if split not in SPLITS:
            raise ValueError(f"no split {split!r}, there are {', '.join(SPLITS)}")
        return [recording for recording in self.all_recordings if recording.split == split]

    @property
    def all_recordings(self) -> list[Recording]:
        """The recordings of all splits, in order of their names."""
        return self._scanned[0]

    @property
    def skipped(self) -> list[tuple[str, str]]:
        return self._scanned[1]

    @property
    def licence(self) -> str:
        return UNKNOWN if self._root is None else licence_in(self._root)

    @property
    def sources(self) -> list[dict[str, str]]:
        """ "corpus" and "licence" of all its parts."""
        return [{"corpus": self.name, "licence": self.licence}]

    def describe(self) -> str:
        """One line: name, and recordings, minutes and speakers of every split."""
        parts = []
        for split in SPLITS:
            found = self.recordings(split)
            speakers = len({recording.speaker for recording in found})
            minutes = sum(recording.seconds for recording in found) / 60
            parts.append(f"{split} {len(found)} ({minutes:.1f} min, speakers: {speakers})")
        return f"{self.name}: {', '.join(parts)}"

    @abc.abstractmethod
    def _scan(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        """All recordings, and the skipped files."""

    @functools.cached_property
    def _scanned(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        recordings, skipped = self._scan()
        return sorted(recordings, key=lambda recording: recording.name), skipped


def usable(
    root: Path, paths: Iterable[Path]
) -> tuple[dict[Path, audio_file.Info], list[tuple[str, str]]]:
    """The headers of the usable files, and what is wrong with the others.

    A corpus with broken files can still be used for training. A line reports each of them, and
    another their number.

    Raises:
        UserError: no file can be used.
    """
    headers, skipped = {}, []
    for path in paths:
        try:
            headers[path] = audio_file.info(path)
        except UserError as error:
            skipped.append((str(path.relative_to(root)), str(error)))
            _LOG.warning("skipped: %s", error)
    if not headers:
        found = f"{len(skipped)} unusable" if skipped else "no"
        raise UserError(
            f"{root}: no usable recording ({found} audio files); "
            f"give a folder with {' '.join(audio_file.WRITTEN)} or other files for tfsr.upsample"
        )
    if skipped:
        _LOG.warning(
            "skipped %d of %d files of %s", len(skipped), len(headers) + len(skipped), root
        )
    return headers, skipped


def licence_in(folder: Path) -> str:
    """The first line of a folder's LICENSE, LICENCE, COPYING or license_text; else "unknown"."""
    if not folder.is_dir():
        return UNKNOWN
    found = sorted(path for path in folder.iterdir() if _LICENCE_FILE.fullmatch(path.name))
    text = "\n".join(path.read_text(errors="replace") for path in found)
    return next(filter(None, (line.strip(" #*\t") for line in text.splitlines())), UNKNOWN)


def read_mono(path: Path, rate: int) -> np.ndarray:
    """A file, with its channels averaged and resampled, float32 [time].

    Raises:
        UserError: see `tfsr.audio_file.read`.
    """
    audio, stored_rate = audio_file.read(path)
    return resample(audio.mean(axis=1), stored_rate, rate)


def without_microphone(stem: str) -> str:
    """A file's stem without the suffix of VCTK's two microphones: "p225_001_mic1" is "p225_001"."""
    return re.sub(r"_mic\d+$", "", stem)


def file_recordings(
    root: Path, headers: dict[Path, audio_file.Info], placed: Iterable[tuple[Path, str, str]]
) -> Iterator[FileRecording]:
    """Recordings of the (path, speaker, split) in `placed`."""
    for path, speaker, split in placed:
        header = headers[path]
        name = path.relative_to(root).as_posix()
        yield FileRecording(name, speaker, split, header.rate, header.samples, path)
