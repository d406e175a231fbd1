"""TensorBoard's file of a run: a single file, which a resumed run cuts and continues.

TensorFlow's own writer begins another file each time, and does not report a full disk.
"""

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

NAME = "events.out.tfevents.tfsr"
"""Sorts after file names of earlier versions, which have the time in this place."""

_SUMMARY = tf.compat.v1.Summary
_VERSION = "brain.Event:2"
_FRAME = 16  # bytes of a record besides its own: its length, and two sums
_MEMORY = "ram://tfsr-event"


def append(path: Path, step: int, values: Iterable[Any]) -> None:
    """Add the values of a step, as `scalar`, `image` and `audio` make them.

    Raises:
        OSError: it cannot be written.
    """
    event = tf.compat.v1.Event(wall_time=time.time(), step=step, summary=_SUMMARY(value=values))
    with path.open("ab") as file:
        if not file.tell():
            begin = tf.compat.v1.Event(wall_time=time.time(), file_version=_VERSION)
            file.write(_framed(begin.SerializeToString()))
        file.write(_framed(event.SerializeToString()))


def cut(path: Path, is_kept: Callable[[int, str], bool]) -> None:
    """Remove all events from the first one on that is not kept, or was cut by a kill.

    Args:
        path: of the file; it may be missing.
        is_kept: whether to keep a value, from its step and name.
    """
    if not path.exists():
        return
    end = 0
    for event, after in _events(path):
        if not all(is_kept(event.step, value.tag) for value in event.summary.value):
            break
        end = after
    with path.open("r+b") as file:
        file.truncate(end)


def scalar(name: str, value: float) -> Any:
    """A scalar value."""
    return _SUMMARY.Value(tag=name, simple_value=value)


def image(name: str, pixels: np.ndarray) -> Any:
    """A picture, uint8 [height, width, 3]."""
    height, width, colours = pixels.shape
    encoded = tf.io.encode_png(pixels).numpy()
    content = _SUMMARY.Image(
        height=height, width=width, colorspace=colours, encoded_image_string=encoded
    )
    return _SUMMARY.Value(tag=name, image=content)


def audio(name: str, sound: np.ndarray, rate: int) -> Any:
    """A sound, float32 [time], at a rate in Hz."""
    encoded = tf.audio.encode_wav(sound[:, np.newaxis], rate).numpy()
    content = _SUMMARY.Audio(
        sample_rate=rate,
        num_channels=1,
        length_frames=len(sound),
        encoded_audio_string=encoded,
        content_type="audio/wav",
    )
    return _SUMMARY.Value(tag=name, audio=content)


def _events(path: Path) -> Iterator[tuple[Any, int]]:
    """The events before the first incomplete one, each with its end position in the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while len(head := file.read(12)) == 12:
            (length,) = struct.unpack("<Q", head[:8])
            if length + _FRAME - len(head) > size - file.tell():
                return
            record = file.read(length + _FRAME - len(head))[:length]
            try:
                event = tf.compat.v1.Event.FromString(record)
            except DecodeError:
                return
            yield event, file.tell()


def _framed(record: bytes) -> bytes:
    """A record framed as in a TFRecord, with the checksums of TensorFlow."""
    with tf.io.TFRecordWriter(_MEMORY) as writer:
        writer.write(record)
    framed = tf.io.read_file(_MEMORY).numpy()
    tf.io.gfile.remove(_MEMORY)  # else the next would be added to it
    return framed
