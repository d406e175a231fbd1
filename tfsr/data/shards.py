"""Write a corpus as TFRecord shards. An interrupted run can be continued.

A shard is written under a temporary name, then renamed, then recorded in a file of its rows. A
shard without rows is written again. When all are there, the rows become `manifest.jsonl`. The
content of a shard depends on the corpus only. So the folder is the same however often the run was
interrupted.
"""

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsr.data.full_band import band_hz, too_narrow
from tfsr.data.prepared import FULL_SCALE, MANIFEST, PCM
from tfsr.data.recordings import SPLITS, UNKNOWN, Corpus, Recording
from tfsr.errors import UserError
from tfsr.folder_lock import folder_lock
from tfsr.signal.framing import trim

SETTINGS = "settings.json"
SKIPPED = "skipped.txt"
LICENCE = "LICENSE"

# A TFRecord has 8 bytes of length and 4 of checksum before its data, and a checksum after it.
_BEFORE_DATA = 12
_AFTER_DATA = 4

_LOG = logging.getLogger("tfsr")


@dataclass(frozen=True)
class _Item:
    """A recording, written once, and all splits that contain it."""

    recording: Recording
    splits: tuple[str, ...]


def prepare(
    corpus: Corpus,
    folder: str | os.PathLike,
    rate: int | None = None,
    shard_bytes: int = 100_000_000,
    trim_db: float | None = None,
    full_band: bool = True,
    write: "Callable[[ShardWriter, Sequence[Shard]], None] | None" = None,
) -> tuple[int, int]:
    """Write `corpus` to `folder`, or continue there.

    Args:
        corpus: its files are decoded, mixed to mono and stored as 16-bit PCM. Samples louder than
            full scale are clipped. Files that cannot be decoded are skipped with a line each.
        folder: made if it is missing.
        rate: Hz to resample to; None keeps every recording's own. Patches are read in place only
            at the stored rate.
        shard_bytes: a shard is closed when it has this many bytes.
        trim_db: cut off both ends of each recording where they are this many dB below its loudest
            part, see `tfsr.signal.framing.trim`; None keeps them.
        full_band: skip recordings that do not fill the band of `rate`, with a line each, see
            `tfsr.data.full_band`. Without `rate` all are kept.
        write: calls the writer once or more for each shard, here or in other processes that see
            the folder. None: one shard after the other, here.

    Returns:
        The numbers of recordings in the folder, and of skipped files.

    Raises:
        UserError: nothing is usable, or the folder is unwritable or holds another preparation.
    """
    items = _items(corpus)
    plan = _plan(items, rate, shard_bytes)
    folder = Path(folder)
    making = _Making(rate, trim_db, full_band and rate is not None)
    try:
        with folder_lock(folder, "preparation"):
            _begin(folder, _settings(items, shard_bytes, making))
            if not (folder / MANIFEST).exists():
                _write_licence(folder, corpus.licence)
                lacking = [
                    Shard(number, tuple(items))
                    for number, items in enumerate(plan)
                    if not _rows_path(folder, number).exists()
                ]
                (write or _write_here)(ShardWriter(folder, making), lacking)
                _remove_parts(folder)
                _finish(folder, corpus.skipped, len(plan))
            _remove_rows(folder)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", error)
        raise UserError(f"{folder}: cannot be written ({reason})") from error
    return _count(folder / MANIFEST), _count(folder / SKIPPED)


@dataclass(frozen=True)
class _Making:
    """The processing of each recording, see `prepare`."""

    rate: int | None
    trim_db: float | None
    full_band: bool

    def __call__(self, item: _Item) -> "_Made | UserError":
        """The data to store, or an error as a value that can be passed between threads."""
        recording = item.recording
        rate = self.rate or recording.rate
        try:
            audio = recording.read(rate)
        except UserError as error:
            return error
        if self.trim_db is not None:
            audio = trim(audio, self.trim_db)
        band = band_hz(audio, rate)
        narrow = self.full_band and too_narrow(recording, rate, band)
        if narrow:
            return UserError(narrow)
        pcm = np.clip(np.round(audio * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(PCM)
        return _Made(pcm, round(band, 1))


class Shard(NamedTuple):
    """A shard to write: its number, and what is in it."""

    number: int
    items: tuple[_Item, ...]


@dataclass(frozen=True)
class ShardWriter:
    """Writes shards into a folder, in any process that sees it; a shard that is there stays."""

    folder: Path
    making: _Making

    def __call__(self, shard: Shard, progress: tqdm | None = None) -> None:
        """Write a shard, then its rows.

        Args:
            progress: a bar, for each recording.
        """
        if _rows_path(self.folder, shard.number).exists():
            return
        name = f"audio-{shard.number:05d}.tfrecord"
        # Another process may be at the same shard, if it was taken for dead.
        part = self.folder / f".{name}.{uuid.uuid4().hex}.part"
        rows, position = [], 0
        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,
            tf.io.TFRecordWriter(str(part)) as writer,
        ):
            for item, made in zip(shard.items, pool.map(self.making, shard.items), strict=True):
                if progress is not None:
                    progress.update()
                if isinstance(made, UserError):
                    if progress is not None:
                        progress.clear()
                    _LOG.warning("skipped: %s", made)
                    rows.append({"name": item.recording.name, "skipped": str(made)})
                    continue
                stored_rate = self.making.rate or item.recording.rate
                data, offset = _example(item.recording, made.pcm, stored_rate)
                writer.write(data)
                place = {"shard": name, "offset": position + _BEFORE_DATA + offset}
                rows += _rows(item, made, stored_rate, place)
                position += _BEFORE_DATA + len(data) + _AFTER_DATA
        os.replace(part, self.folder / name)
        _write_text(_rows_path(self.folder, shard.number), _lines(rows))


@dataclass(frozen=True)
class _Made:
    """16-bit samples, and the highest frequency of their band in Hz."""

    pcm: np.ndarray
    band_hz: float


def _items(corpus: Corpus) -> list[_Item]:
    splits: dict[str, list[str]] = {}
    recordings: dict[str, Recording] = {}
    for split in SPLITS:
        for recording in corpus.recordings(split):
            splits.setdefault(recording.name, []).append(split)
            recordings[recording.name] = recording
    return [_Item(recordings[name], tuple(found)) for name, found in splits.items()]


def _plan(items: list[_Item], rate: int | None, shard_bytes: int) -> list[list[_Item]]:
    shards: list[list[_Item]] = [[]]
    size = 0
    for item in items:
        if size >= shard_bytes:
            shards.append([])
            size = 0
        shards[-1].append(item)
        size += item.recording.length(rate or item.recording.rate) * PCM.itemsize
    return shards


def _settings(items: list[_Item], shard_bytes: int, making: _Making) -> str:
    listing = [
        [item.recording.name, item.recording.speaker, item.recording.samples, item.splits]
        for item in items
    ]
    digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    values: dict[str, str | float | None] = {
        "rate": making.rate,
        "shard_bytes": shard_bytes,
        "recordings_sha256": digest,
    }
    if making.trim_db is not None:
        values["trim_db"] = making.trim_db
    if making.full_band:
        values["full_band"] = True
    return json.dumps(values, indent=2) + "\n"


def _begin(folder: Path, settings: str) -> None:
    """Claim the folder for these settings, or check that it has them already."""
    path = folder / SETTINGS
    if not path.exists():
        _write_text(path, settings)
    elif path.read_text() != settings:
        raise UserError(
            f"{folder}: holds another preparation (other files, splits, --rate, --trim_db or "
            "--full_band); choose another folder or remove it"
        )


def _write_licence(folder: Path, licence: str) -> None:
    """Store the licence with the recordings, so that models trained on them can name it."""
    if licence != UNKNOWN and not (folder / LICENCE).exists():
        _write_text(folder / LICENCE, f"{licence}\n")


def _write_here(writer: ShardWriter, shards: Sequence[Shard]) -> None:
    total = sum(len(shard.items) for shard in shards)
    with tqdm(total=total, unit="file", desc="preparing", smoothing=0) as progress:
        for shard in shards:
            writer(shard, progress)


def _remove_parts(folder: Path) -> None:
    """What processes that were killed have left."""
    for path in folder.glob(".audio-*.part"):
        path.unlink()


def _example(recording: Recording, pcm: np.ndarray, rate: int) -> tuple[bytes, int]:
    """A serialized `tf.train.Example`, and the byte of it where the PCM begins."""
    features = {
        "audio": _bytes_feature(pcm.tobytes()),
        "name": _bytes_feature(recording.name.encode()),
        "rate": tf.train.Feature(int64_list=tf.train.Int64List(value=[rate])),
        "speaker": _bytes_feature(recording.speaker.encode()),
    }
    data = _serialize(features)
    # Deterministic serialization sorts by key: the PCM ends where the other features begin.
    audio = features.pop("audio").bytes_list.value[0]
    others = len(tf.train.Features(feature=features).SerializeToString(deterministic=True))
    offset = len(data) - others - len(audio)
    if data[offset : offset + len(audio)] != audio:
        raise AssertionError("tf.train.Example is not laid out as expected")
    return data, offset


def _serialize(features: dict[str, tf.train.Feature]) -> bytes:
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _bytes_feature(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _rows(item: _Item, made: _Made, rate: int, place: dict) -> list[dict]:
    recording, samples = item.recording, len(made.pcm)
    row = {"name": recording.name, "speaker": recording.speaker, "seconds": samples / rate}
    row |= {"rate": rate, "samples": samples, "band_hz": made.band_hz, **place}
    return [row | {"split": split} for split in item.splits]


def _finish(folder: Path, skipped: list[tuple[str, str]], shards: int) -> None:
    rows = [row for number in range(shards) for row in _read_rows(folder, number)]
    kept = [row for row in rows if "skipped" not in row]
    reasons = [reason for _, reason in skipped]
    reasons += [row["skipped"] for row in rows if "skipped" in row]
    if not kept:
        for path in [*folder.glob("audio-*.tfrecord"), folder / SETTINGS]:
            path.unlink()
        (folder / LICENCE).unlink(missing_ok=True)
        _remove_rows(folder)
        raise UserError(f"{folder}: nothing written, no recording could be used")
    if reasons:
        _write_text(folder / SKIPPED, "".join(f"{reason}\n" for reason in reasons))
    _write_text(folder / MANIFEST, _lines(kept))


def _rows_path(folder: Path, number: int) -> Path:
    return folder / f".rows-{number:05d}.jsonl"


def _read_rows(folder: Path, number: int) -> list[dict]:
    return [json.loads(line) for line in _rows_path(folder, number).read_text().splitlines()]


def _remove_rows(folder: Path) -> None:
    for path in folder.glob(".rows-*.jsonl*"):
        path.unlink()


def _lines(rows: Iterable[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    os.replace(part, path)


def _count(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
