"""Audio files of any format, read to float32 [time, channels] in [-1, 1] and written from it.

tensorflow-io decodes what it decodes exactly (WAV of 16 and 24 bits and float, FLAC, Ogg Vorbis,
MP3), soundfile everything else. This is the only module that knows either library. TensorFlow is
imported by `read` alone, so that streaming (`info`, `blocks`, `Writer`) starts fast and small.
"""

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import numpy as np
import soundfile

from tfsr.errors import UserError

# The containers by the extension of the file's name, as soundfile calls them.
_CONTAINERS = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".caf": "CAF",
    ".w64": "W64",
}
EXTENSIONS = tuple(_CONTAINERS)

# (tensorflow-io decoder, dtype it decodes to, value of full scale) by (container, subtype). WAV of
# 8 and 32 bits are not here because tensorflow-io 0.37 reads them as other kinds of number.
_TENSORFLOW_IO = {
    ("WAV", "PCM_16"): ("decode_wav", "int16", 2**15),
    ("WAV", "PCM_24"): ("decode_wav", "int32", 2**31),
    ("WAV", "FLOAT"): ("decode_wav", "float32", 1),
    ("WAVEX", "PCM_16"): ("decode_wav", "int16", 2**15),
    ("WAVEX", "PCM_24"): ("decode_wav", "int32", 2**31),
    ("WAVEX", "FLOAT"): ("decode_wav", "float32", 1),
    ("FLAC", "PCM_16"): ("decode_flac", "int16", 2**15),
    ("FLAC", "PCM_24"): ("decode_flac", "int32", 2**31),
    ("OGG", "VORBIS"): ("decode_vorbis", None, 1),
    ("MP3", "MPEG_LAYER_III"): ("decode_mp3", None, 1),
}

# Hz. Others are damage, by which a short file would become hours of output.
_RATES = (1000, 1_000_000)

# Of float samples, far beyond those that were scaled as integers: squares stay finite.
_LARGEST = 1e12

# Their containers have no place for title, artist and the like.
_WITHOUT_TAGS = ("AU", "W64")

# libsndfile's Vorbis encoder overflows its stack when it is given minutes at once.
_WRITE_BLOCK = 65536
_READ_BLOCK = 65536


@dataclass(frozen=True)
class Info:
    """What the header says. `subtype` and `format` are soundfile's words ("PCM_16", "WAV")."""

    rate: int
    samples: int
    channels: int
    subtype: str
    format: str

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


def info(path: str | os.PathLike) -> Info:
    """The header of an audio file with at least one sample.

    Raises:
        UserError: missing, a folder, empty, not audio, or without samples.
    """
    with _open(path) as file:
        return Info(file.samplerate, file.frames, file.channels, file.subtype, file.format)


def tags(path: str | os.PathLike) -> dict[str, str]:
    """What a file tells of itself: "title", "artist", "date" and the like, where it does.

    But for the name of the software that wrote it.

    Raises:
        UserError: as `info`.
    """
    with _open(path) as file:
        return {name: text for name, text in file.copy_metadata().items() if name != "software"}


def read(path: str | os.PathLike) -> tuple[np.ndarray, int]:
    """A whole file: float32 [time, channels] in [-1, 1], and its rate in Hz.

    Float formats and lossy ones may go beyond [-1, 1], and are given as they are.

    Raises:
        UserError: as `info`; besides, a damaged file, and one with NaN, infinite or absurd samples.
    """
    header = info(path)
    audio = _decode_with_tensorflow_io(path, header)
    if audio is None:
        # In parts, for the header may promise more than there is memory for.
        audio = np.concatenate(list(_decode_with_soundfile(path, _READ_BLOCK)))
    _check_finite(path, audio, header.rate, first=0)
    return audio, header.rate


def blocks(path: str | os.PathLike, block_samples: int) -> Iterator[np.ndarray]:
    """The file as float32 [block_samples, channels] (the last one shorter), in constant memory.

    Raises:
        UserError: at once as `info`; while iterating, at damage and at NaN, infinite or absurd
            samples.
    """
    header = info(path)

    def checked() -> Iterator[np.ndarray]:
        first = 0
        for block in _decode_with_soundfile(path, block_samples):
            _check_finite(path, block, header.rate, first)
            first += len(block)
            yield block

    return checked()


class Writer:
    """Writes a file block by block; it appears under its name only when it is complete.

    A context manager. Samples beyond [-1, 1] are clipped where the subtype holds integers.

    Args:
        path: its extension chooses the container; missing folders are made.
        rate: Hz.
        channels: of every block.
        subtype: soundfile's word ("PCM_16", "FLOAT"); None is the container's usual one, which is
            16 bits for WAV and FLAC. `allowed_subtype` finds one that the container can hold.
        tags: as `tags` gives them. Ogg, FLAC and CAF keep all, WAV all but a license, AIFF title,
            artist, copyright and comment, MP3 all but license and copyright, AU and W64 none.

    Raises:
        UserError: unknown extension, unwritable folder, or a setting that the container refuses.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        rate: int,
        channels: int,
        subtype: str | None = None,
        tags: Mapping[str, str] = MappingProxyType({}),
    ):
        self._path = Path(path)
        container = _container(self._path)
        subtype = subtype or _usual_subtype(self._path)
        self._part = self._path.with_name(
            f".{self._path.name}.{os.getpid()}.part{self._path.suffix}"
        )
        if self._path.is_dir():
            raise UserError(f"{path}: cannot be written, there is a folder of that name")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(
                self._part, "w", rate, channels, subtype, format=container
            )
            for name, text in tags.items() if container not in _WITHOUT_TAGS else ():
                setattr(self._file, name, text)
        except (OSError, ValueError, soundfile.SoundFileError) as error:
            self._give_up(error)

    def write(self, audio: np.ndarray) -> None:
        """Append float32 [time, channels]."""
        try:
            for start in range(0, len(audio), _WRITE_BLOCK):
                self._file.write(audio[start : start + _WRITE_BLOCK])
        except (AssertionError, soundfile.SoundFileError) as error:
            # soundfile asserts that all was written: it is not, on a full disk.
            self._give_up(error)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, error_type, error, traceback) -> None:
        try:
            self._file.close()
            if error_type is None:
                os.replace(self._part, self._path)
        except (OSError, soundfile.SoundFileError) as error:
            self._give_up(error)
        finally:
            self._part.unlink(missing_ok=True)

    def _give_up(self, error: Exception) -> NoReturn:
        with contextlib.suppress(OSError):
            self._part.unlink()
        raise UserError(f"{self._path}: cannot be written ({_reason(error)})") from error


def write(
    path: str | os.PathLike, audio: np.ndarray, rate: int, subtype: str | None = None
) -> None:
    """Write float32 [time, channels] whole; see `Writer`."""
    with Writer(path, rate, audio.shape[1], subtype) as writer:
        writer.write(audio)


def through_file(signal: np.ndarray, rate: int, container: str, subtype: str, **how) -> np.ndarray:
    """What is read of a signal that was written, float64 [time], as long as it was.

    Args:
        signal: [time]; what exceeds [-1, 1] is clipped.
        rate: Hz.
        container, subtype: as libsndfile calls them.
        how: further arguments of `soundfile.write`, such as its compression_level.
    """
    file = io.BytesIO()
    soundfile.write(file, np.clip(signal, -1, 1), rate, format=container, subtype=subtype, **how)
    file.seek(0)
    return soundfile.read(file)[0][: len(signal)]  # codecs fill their last frame


def allowed_subtype(path: str | os.PathLike, subtype: str) -> str:
    """`subtype` where the container that `path` names can hold it, else the container's usual."""
    if soundfile.check_format(_container(Path(path)), subtype):
        return subtype
    return _usual_subtype(Path(path))


def require_subtype(path: str | os.PathLike, subtype: str) -> None:
    """Raise UserError unless the container that `path` names can hold it."""
    container = _container(Path(path))
    if not soundfile.check_format(container, subtype):
        known = ", ".join(soundfile.available_subtypes(container))
        raise UserError(f"{path}: {container} holds no {subtype}, but one of {known}")


def find(folder: str | os.PathLike, recursive: bool = True) -> list[Path]:
    """All audio files in and, unless told otherwise, below a folder, by extension, sorted.

    Hidden files and folders are left out.

    Raises:
        UserError: no such folder.
    """
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no such folder")
    found = []
    for here, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [
            name for name in folders if recursive and not _hidden_or_loop(Path(here, name))
        ]
        found += [Path(here, name) for name in files if _is_audio_name(name)]
    return sorted(found)


def _is_audio_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS


def _hidden_or_loop(folder: Path) -> bool:
    """Hidden, or a link to a folder that it lies in."""
    loop = folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
    return folder.name.startswith(".") or loop


def _open(path: str | os.PathLike) -> soundfile.SoundFile:
    if not os.path.exists(path):
        raise UserError(f"{path}: no such file")
    if os.path.isdir(path):
        raise UserError(f"{path}: is a folder, not an audio file")
    if os.path.getsize(path) == 0:
        raise UserError(f"{path}: is empty (0 bytes)")
    try:
        file = soundfile.SoundFile(path)
    except (OSError, TypeError, soundfile.SoundFileError) as error:
        # TypeError: soundfile takes ".raw" for headerless audio and asks for a rate.
        raise UserError(f"{path}: cannot be read as audio ({_reason(error)})") from error
    if file.frames <= 0:
        file.close()
        raise UserError(f"{path}: holds no samples")
    if not _RATES[0] <= file.samplerate <= _RATES[1]:
        file.close()
        raise UserError(
            f"{path}: is damaged (its header tells a rate of {file.samplerate} Hz, not one of "
            f"{_RATES[0]} to {_RATES[1]})"
        )
    return file


def _decode_with_soundfile(path: str | os.PathLike, block_samples: int) -> Iterator[np.ndarray]:
    with _open(path) as file:
        missing = file.frames
        while missing > 0:
            try:
                block = file.read(min(block_samples, missing), dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise UserError(f"{path}: is damaged ({_reason(error)})") from error
            if len(block) == 0:
                raise UserError(
                    f"{path}: is damaged (ends {missing / file.samplerate:.3f} s too early)"
                )
            missing -= len(block)
            yield block


def _decode_with_tensorflow_io(path: str | os.PathLike, header: Info) -> np.ndarray | None:
    """None where tensorflow-io is not the one to ask; soundfile then has the last word.

    So it is for unknown kinds, and for files that it refuses or gives in another shape than the
    header promises: those with chunks that it does not know, and damaged ones.
    """
    decoder = _tensorflow_io_decoder(header)
    if decoder is None:
        return None
    import tensorflow as tf

    try:
        with tf.device("CPU"):
            audio = decoder(Path(path).read_bytes())
    except tf.errors.OpError:
        return None
    return audio if audio.shape == (header.samples, header.channels) else None


def _tensorflow_io_decoder(header: Info) -> Callable[[bytes], np.ndarray] | None:
    kind = _TENSORFLOW_IO.get((header.format, header.subtype))
    if kind is None:
        return None
    try:
        import tensorflow_io
    except ImportError:
        # It has wheels for some platforms only; soundfile decodes the same to 1e-6.
        return None
    name, dtype, full_scale = kind
    decode = getattr(tensorflow_io.audio, name)
    options = {} if dtype is None else {"dtype": dtype}

    def to_float(data: bytes) -> np.ndarray:
        decoded = decode(data, **options).numpy()
        # Dividing by a power of two is exact in float32 for 16 and 24 bits.
        return decoded.astype(np.float32) / np.float32(full_scale)

    return to_float


def _check_finite(path: str | os.PathLike, audio: np.ndarray, rate: int, first: int) -> None:
    bad = ~(np.abs(audio) <= _LARGEST).all(axis=1)
    if bad.any():
        place = int(np.argmax(bad))
        kind = f"beyond {_LARGEST:g}" if np.isfinite(audio[place]).all() else "NaN or infinite"
        raise UserError(f"{path}: a sample is {kind}, first at {(first + place) / rate:.3f} s")


def _container(path: Path) -> str:
    if path.suffix.lower() not in _CONTAINERS:
        raise UserError(
            f"{path}: cannot be written, the extension must be one of {' '.join(EXTENSIONS)}"
        )
    return _CONTAINERS[path.suffix.lower()]


def _usual_subtype(path: Path) -> str:
    return "OPUS" if path.suffix.lower() == ".opus" else soundfile.default_subtype(_container(path))


def _reason(error: Exception) -> str:
    """What went wrong, without the file name, which the caller has said already."""
    reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return reason.strip().rstrip(".")
