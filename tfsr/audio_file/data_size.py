"""Sizes of samples by the headers of AIFF, CAF, Wave64, AU, SPHERE, VOC and WavPack."""

import math
import re
import struct
from typing import NamedTuple

from tfsr.audio_file.chunks import ENDLESS, EXTENSIBLE, W64_START, bytes_after, layout, walk
from tfsr.audio_file.file_view import FileView

# Of a block of WavPack: its header, and the flag of the first one of several channels.
_WAVPACK_HEADER = "<4sI4xIIIII"
_WAVPACK_FIRST = 1 << 11

# What AU tells where it tells no size.
_ENDLESS_AU = 0xFFFFFFFF


class DataSize(NamedTuple):
    """Bytes of samples in AIFF, CAF, Wave64, AU, SPHERE, VOC or WavPack; all 0 of other files.

    Attributes:
        declared: by the header; None if it declares none.
        present: to the end of the file.
        trailing: bytes after the samples, which are left out.
    """

    declared: int | None = 0
    present: int = 0
    trailing: int = 0


def data_size(view: FileView) -> DataSize:
    """The size of the samples that a file's header declares."""
    if view.at(0, 4) == b".snd":
        start, declared = struct.unpack(">II", view.at(4, 8).ljust(8, b"\0"))
        present = len(view) - start
        if declared == _ENDLESS_AU <= present:  # as all that has more than 32 bits can count
            return DataSize(present, present)
        return _known(declared, present, present - declared)
    if old := _sphere(view) or _voice(view) or _wavpack(view):
        return old
    form = layout(view.at(0, 40))
    if form is None:
        return DataSize()
    for chunk in walk(view, form):
        if chunk.name[:4] in (b"data", b"SSND"):
            trailing = bytes_after(view, form, chunk) if chunk.size > 0 else 0
            return _known(chunk.size, len(view) - chunk.start, trailing)
    return DataSize()


def _sphere(view: FileView) -> DataSize | None:
    """The size for a SPHERE file, unless its samples are compressed."""
    if view.at(0, 7) != b"NIST_1A" or b"embedded" in view.at(0, 1024):
        return None
    names = b"sample_count", b"channel_count", b"sample_n_bytes"
    found = [re.search(name + rb" -\w+ (\d+)", view.at(0, 1024)) for name in names]
    declared = [int(one[1]) for one in found if one]
    start = view.at(8, 8).strip()
    if len(declared) < len(names) or not start.isdigit():
        return None
    return DataSize(math.prod(declared), len(view) - int(start))


def _voice(view: FileView) -> DataSize | None:
    """The size for a VOC file of one block with a 24-bit size; None for others."""
    if view.at(0, 19) != b"Creative Voice File":
        return None
    first = int.from_bytes(view.at(20, 2), "little") + 4
    head = view.at(first - 4, 4).ljust(4, b"\0")
    kind, size = head[0], int.from_bytes(head[1:], "little")
    return DataSize(size, len(view) - first) if kind in (1, 9) and 0 < size < 0xFF0000 else None


def _wavpack(view: FileView) -> DataSize | None:
    """The size for a WavPack file; a second block with the first sample is a second recording."""
    if view.at(0, 4) != b"wvpk":
        return None
    place, length = 0, struct.calcsize(_WAVPACK_HEADER)
    while len(head := view.at(place, length)) == length and head[:4] in (b"wvpk", b"APET"):
        if head[:4] == b"APET":  # a tag, in the middle of joined files
            place += length + int.from_bytes(head[12:16], "little")
            continue
        _, size, _, index, samples, flags, _ = struct.unpack(_WAVPACK_HEADER, head)
        if place and samples and not index and flags & _WAVPACK_FIRST:
            return DataSize(place, place, len(view) - place)
        place += 8 + size
    return DataSize(place, place)


def _known(size: int, present: int, trailing: int) -> DataSize:
    sure = 0 < size < max(ENDLESS, present + 1) or 0xFFFFFFFF < size < ENDLESS << 31
    return DataSize(size, present, max(trailing, 0)) if sure else DataSize(None, present)


def is_other_w64(view: FileView) -> bool:
    """Whether a Wave64 file is not PCM by a later field; libsndfile takes it for PCM."""
    form = layout(view.at(0, 40))
    for chunk in walk(view, form) if form and form.sizes_header else ():
        if chunk.name[:4] == b"fmt ":
            tag, coding = view.at(chunk.start, 2), view.at(chunk.start + 24, 2)
            return tag == EXTENSIBLE.to_bytes(2, "little") and coding != b"\x01\0"
    return False


def readable(view: FileView) -> FileView:
    """An unfinished AU or Wave64 file with a header that libsndfile can read.

    Other files are returned without the bytes after their samples, which libsndfile would take for
    samples.
    """
    declared, present, trailing = data_size(view)
    start = len(view) - present
    if declared is None and view.at(0, 4) == b".snd":
        return view.cut(12, before=view.at(0, 8) + b"\xff\xff\xff\xff")
    if declared is None and view.at(0, 16) == W64_START:
        return view.cut(start, before=view.at(0, start - 8) + struct.pack("<q", present + 24))
    return view.cut(0, len(view) - trailing) if trailing else view
