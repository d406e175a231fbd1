"""A corpus prepared as TFRecord shards: patches are read in place, without decoding.

A prepared folder holds `manifest.jsonl`, with a row for every recording in every split, and the
shards. These are standard TFRecord files of `tf.train.Example`. Its features are `audio` (bytes:
16-bit little-endian PCM, mono), `name`, `speaker` (bytes) and `rate` (Hz). The manifest tells the
shard of a recording, the byte where its PCM begins, and where its band ends (`band_hz`).
`tfsr.data.shards` writes such folders.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfsr.data.recordings import Corpus, Recording
from tfsr.errors import UserError
from tfsr.signal.resample import resample

MANIFEST = "manifest.jsonl"

# 16-bit PCM, as in the `audio` feature.
PCM = np.dtype("<i2")
FULL_SCALE = 2**15


@dataclass(frozen=True)
class PreparedRecording(Recording):
    """`samples` of 16-bit PCM in the file `shard`, from byte `offset`."""

    shard: Path
    offset: int

    def seekable(self, rate: int) -> bool:
        return rate == self.rate

    def read(self, rate: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        if rate != self.rate:
            return resample(self.read(self.rate), self.rate, rate)[start:stop]
        start, stop, _ = slice(start, stop).indices(self.samples)
        wanted = max(stop - start, 0)
        try:
            offset = self.offset + start * PCM.itemsize
            pcm = np.fromfile(self.shard, PCM, wanted, offset=offset)
        except OSError as error:
            raise UserError(f"{self.shard}: cannot be read ({error.strerror})") from error
        if len(pcm) < wanted:
            raise UserError(f"{self.shard}: is shorter than {MANIFEST} says; prepare it again")
        return pcm.astype(np.float32) / np.float32(FULL_SCALE)


class Prepared(Corpus):
    """A folder that `python -m tfsr.prepare` has written.

    Args:
        root: the folder with `manifest.jsonl`.
    """

    _root: Path

    def __init__(self, root: str | os.PathLike):
        self._root = Path(root)
        self.name = self._root.resolve().name

    def _scan(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        manifest = self._root / MANIFEST
        try:
            lines = manifest.read_text().splitlines()
        except OSError as error:
            raise UserError(f"{manifest}: cannot be read ({error.strerror})") from error
        return [self._recording(number, line) for number, line in enumerate(lines, 1)], []

    def _recording(self, number: int, line: str) -> PreparedRecording:
        try:
            row = json.loads(line)
            return PreparedRecording(
                name=row["name"],
                speaker=row["speaker"],
                split=row["split"],
                rate=row["rate"],
                samples=row["samples"],
                shard=self._root / row["shard"],
                offset=row["offset"],
                band_hz=row.get("band_hz"),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self._root / MANIFEST}: line {number} is damaged; prepare the corpus again"
            ) from error
