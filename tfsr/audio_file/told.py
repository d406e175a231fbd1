"""What the headers of AIFF, CAF, Wave64, AU, SPHERE, VOC and WavPack tell of their samples."""

import math
import re
import struct
from typing import NamedTuple

from tfsr.audio_file.chunks import ENDLESS, EXTENSIBLE, W64_START, bytes_after, layout, walk
from tfsr.audio_file.part import Part

# Of a block of WavPack: its header, and the flag of the first one of several channels.
_WAVPACK_HEADER = "<4sI4xIIIII"
_WAVPACK_FIRST = 1 << 11


class Told(NamedTuple):
    """Bytes of samples in AIFF, CAF, Wave64, AU, SPHERE, VOC or WavPack; all 0 of other files.

    Attributes:
        told: by the header; None where it tells none.
        there: to the end of the file.
        after: those behind the samples that are left out.
    """

    told: int | None = 0
    there: int = 0
    after: int = 0


def told_and_there(part: Part) -> Told:
    """What the header of a file tells of its samples."""
    if part.at(0, 4) == b".snd":
        start, told = struct.unpack(">II", part.at(4, 8).ljust(8, b"\0"))
        return _known(told, len(part) - start, len(part) - start - told)
    if old := _sphere(part) or _voice(part) or _wavpack(part):
        return old
    form = layout(part.at(0, 40))
    for chunk in walk(part, form) if form else ():
        if chunk.name[:4] in (b"data", b"SSND"):
            after = bytes_after(part, form, chunk) if chunk.size > 0 else 0
            return _known(chunk.size, len(part) - chunk.start, after)
    return Told()


def _sphere(part: Part) -> Told | None:
    """Of a SPHERE file, unless its samples are compressed."""
    if part.at(0, 7) != b"NIST_1A" or b"embedded" in part.at(0, 1024):
        return None
    names = b"sample_count", b"channel_count", b"sample_n_bytes"
    told = [re.search(name + rb" -\w+ (\d+)", part.at(0, 1024)) for name in names]
    start = part.at(8, 8).strip()
    if None in told or not start.isdigit():
        return None
    return Told(math.prod(int(one[1]) for one in told), len(part) - int(start))


def _voice(part: Part) -> Told | None:
    """Of a VOC file that is one block, of a type and 24 bits of size; None of others."""
    if part.at(0, 19) != b"Creative Voice File":
        return None
    first = int.from_bytes(part.at(20, 2), "little") + 4
    kind, *size = part.at(first - 4, 4).ljust(4, b"\0")
    size = int.from_bytes(size, "little")
    return Told(size, len(part) - first) if kind in (1, 9) and 0 < size < 0xFF0000 else None


def _wavpack(part: Part) -> Told | None:
    """Of a WavPack file, in which a second block with the first sample is a second recording."""
    if part.at(0, 4) != b"wvpk":
        return None
    place, length = 0, struct.calcsize(_WAVPACK_HEADER)
    while len(head := part.at(place, length)) == length and head[:4] in (b"wvpk", b"APET"):
        if head[:4] == b"APET":  # a tag, in the middle of joined files
            place += length + int.from_bytes(head[12:16], "little")
            continue
        _, size, _, index, samples, flags, _ = struct.unpack(_WAVPACK_HEADER, head)
        if place and samples and not index and flags & _WAVPACK_FIRST:
            return Told(place, place, len(part) - place)
        place += 8 + size
    return Told(place, place)


def _known(size: int, there: int, after: int) -> Told:
    sure = 0 < size < max(ENDLESS, there + 1) or 0xFFFFFFFF < size < ENDLESS << 31
    return Told(size, there, max(after, 0)) if sure else Told(None, there)


def is_other_w64(part: Part) -> bool:
    """Whether a Wave64 file tells farther on that it is not PCM, which libsndfile takes it for."""
    form = layout(part.at(0, 40))
    for chunk in walk(part, form) if form and form.sizes_header else ():
        if chunk.name[:4] == b"fmt ":
            tag, coding = part.at(chunk.start, 2), part.at(chunk.start + 24, 2)
            return tag == EXTENSIBLE.to_bytes(2, "little") and coding != b"\x01\0"
    return False


def readable(part: Part) -> Part:
    """An unfinished AU or Wave64 file with a header that libsndfile can read.

    Others are without what is behind their samples, which libsndfile takes for more of them.
    """
    told, there, after = told_and_there(part)
    start = len(part) - there
    if told is None and part.at(0, 4) == b".snd":
        return part.cut(12, before=part.at(0, 8) + b"\xff\xff\xff\xff")
    if told is None and part.at(0, 16) == W64_START:
        return part.cut(start, before=part.at(0, start - 8) + struct.pack("<q", there + 24))
    return part.cut(0, len(part) - after) if after else part
