"""The corpus that comes with the package: 44 speakers of VCTK, a few minutes, 48 kHz."""

import csv
from importlib import resources
from pathlib import Path

from tfsr.data.recordings import Corpus, FileRecording, Recording


class Bundled(Corpus):
    """About four minutes of 34 speakers of VCTK 0.92 for training, 48 kHz.

    Of p228 there are 45 utterances: 29 for training, 8 each for validation and test. Each of 43
    other speakers has one; 4 of these speakers are for validation only, 6 for test only.

    `ATTRIBUTION.md` beside the files names the sources (CC BY 4.0) and the changes.
    """

    name = "bundled (VCTK 0.92, 44 speakers)"
    licence = "CC BY 4.0 (VCTK 0.92, University of Edinburgh, CSTR)"

    def _scan(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        # As a path, because the package is installed as files (never run from a zip).
        folder = Path(str(resources.files("tfsr.data") / "bundled"))
        with open(folder / "manifest.csv", newline="") as manifest:
            return [_recording(folder, row) for row in csv.DictReader(manifest)], []


def _recording(folder: Path, row: dict[str, str]) -> FileRecording:
    rate, samples = int(row["rate"]), int(row["samples"])
    whose = row["file"], row["speaker"], row["split"]
    return FileRecording(*whose, rate, samples, folder / row["file"], band_hz=rate / 2)
