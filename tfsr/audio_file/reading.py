"""Read whole recordings, for training and measurements: nothing may be missing."""

import os
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfsr.audio_file.audio_file import AudioFile, check_finite
from tfsr.audio_file.decoder import Info
from tfsr.errors import UserError

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
}


def info(path: str | os.PathLike) -> Info:
    """The format of an audio file with at least one sample.

    Raises:
        UserError: the file is missing, a folder, empty, not audio, or without samples.
    """
    with AudioFile(path) as file:
        return file.info


def tags(path: str | os.PathLike) -> dict[str, str]:
    """The tags of a file, see `AudioFile`.

    Raises:
        UserError: as in `info`.
    """
    with AudioFile(path) as file:
        return file.tags


def read(path: str | os.PathLike) -> tuple[np.ndarray, int]:
    """A whole file: float32 [time, channels] in [-1, 1], and its rate in Hz.

    Float formats and lossy ones may go beyond [-1, 1], and are returned unchanged.

    Raises:
        UserError: as in `info`; or the file is damaged, or has NaN, infinite or absurd samples.
    """
    with AudioFile(path) as file:
        audio = _decode_with_tensorflow_io(path, file)
        if audio is None:
            return np.concatenate(list(_sound(file, None))), file.rate
        check_finite(path, audio, file.rate, first=0)
        return audio, file.rate


def blocks(path: str | os.PathLike, block_samples: int) -> Iterator[np.ndarray]:
    """The file as float32 [block_samples, channels] (the last one shorter), in constant memory.

    Raises:
        UserError: at once as in `info`; while iterating, for damage and for NaN, infinite or absurd
            samples.
    """
    file = AudioFile(path)

    def closing() -> Iterator[np.ndarray]:
        with file:
            yield from _sound(file, block_samples)

    return closing()


def _sound(file: AudioFile, block_samples: int | None) -> Iterator[np.ndarray]:
    """All samples, if the header is certain about them."""
    declared = file.declared_samples
    yield from file.blocks(block_samples)
    if declared is not None and file.samples < declared:
        raise UserError(f"{file.path}: is damaged ({'; '.join(one.text for one in file.faults)})")


def _decode_with_tensorflow_io(path: str | os.PathLike, file: AudioFile) -> np.ndarray | None:
    """None if tensorflow-io cannot decode the file; the other decoders are then used.

    This is so for unknown formats, and for files that it refuses. It is also so for files that it
    gives in another shape than the header promises: damaged ones, and those with unknown chunks.
    """
    decoder = _tensorflow_io_decoder(file)
    if decoder is None:
        return None
    import tensorflow as tf

    try:
        with tf.device("CPU"):
            audio = decoder(Path(path).read_bytes())
    except tf.errors.OpError:
        return None
    return audio if audio.shape == (file.declared_samples, file.channels) else None


def _tensorflow_io_decoder(file: AudioFile) -> Callable[[bytes], np.ndarray] | None:
    kind = _TENSORFLOW_IO.get((file.format, file.subtype))
    if kind is None:
        return None
    tensorflow_io = _tensorflow_io()
    if tensorflow_io is None:
        return None
    name, dtype, full_scale = kind
    decode = getattr(tensorflow_io.audio, name)

    def to_float(data: bytes) -> np.ndarray:
        # Dividing by a power of two is exact in float32 for 16 and 24 bits.
        return decode(data, dtype=dtype).numpy().astype(np.float32) / np.float32(full_scale)

    return to_float


def _tensorflow_io() -> types.ModuleType | None:
    """None if it is not installed or does not work; the other decoders give the same samples."""
    try:
        import tensorflow as tf

        # Its operations are compiled for these: those of 2.18 lack symbols that they want.
        if tuple(map(int, tf.__version__.split(".")[:2])) > (2, 17):
            return None
        import tensorflow_io
    except ImportError:
        return None
    return tensorflow_io
