"""The streams that follow each other in an Ogg file, as from radio stations or joined files."""

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tfsr.audio_file.file_view import FileView

# Where WAV's channels are among Vorbis's (specification, 4.3.9), by their number.
_ORDERS = {
    **{3: [0, 2, 1], 5: [0, 2, 1, 3, 4], 6: [0, 2, 1, 5, 3, 4]},
    **{7: [0, 2, 1, 6, 5, 3, 4], 8: [0, 2, 1, 7, 5, 6, 3, 4]},
}

# Of Opus, the mapping with Vorbis's order, and where its header tells that it has it.
_SURROUND, _MAPPING = 1, 18

_CAPTURE = b"OggS"
_HEADER = 27
_SEARCHED = 1 << 16

_FIRST, _LAST = 2, 4  # flags of pages

# Where a page has its stream's number, and its checksum, of four bytes each.
_SERIAL, _CHECKSUM = 14, 22

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def channel_order(channels: int) -> list[int]:
    """Positions of WAV's channels in the channel order of Vorbis and Opus."""
    return _ORDERS.get(channels, list(range(channels)))


def is_surround(view: FileView) -> bool:
    """Whether the channels of a stream, Vorbis or Opus, are in Vorbis's order."""
    head = view.at(0, 4096)
    opus = head.find(b"OpusHead")
    return opus < 0 or head[opus + _MAPPING : opus + _MAPPING + 1] == bytes([_SURROUND])


def links(view: FileView) -> list[tuple[FileView, bool]]:
    """Each stream, and whether it has its end, which cut files lack."""
    found, begins, beginning, ended = [], 0, True, False
    for place, size, flags in _pages(view):
        first = bool(flags & _FIRST)
        if first and not beginning:
            found.append((view.cut(begins, place - begins), ended))
            begins = place
        beginning = first
        ended = bool(flags & _LAST) and place + size <= len(view)
    return [*found, (view.cut(begins), ended)]


def number(file: BinaryIO) -> None:
    """Replace a stream's random number from libsndfile by one that depends on its content.

    Streams get different numbers, so that they may be joined.
    """
    view, serial = FileView(file), 0
    pages = [(place, size) for place, size, _ in _pages(view)]
    for place, size in pages:
        serial = zlib.crc32(view.at(place + _HEADER, size - _HEADER), serial)
    for place, size in pages:
        page = bytearray(view.at(place, size))
        page[_SERIAL : _SERIAL + 4] = serial.to_bytes(4, "little")
        page[_CHECKSUM : _CHECKSUM + 4] = bytes(4)
        page[_CHECKSUM : _CHECKSUM + 4] = _checksum(page)
        os.pwrite(file.fileno(), page, place)


def _checksum(page: bytearray) -> bytes:
    """Checksum of a page (RFC 3533, section 6): zlib's, with all bits in reverse order."""
    reversed_ = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return reversed_.to_bytes(4, "big").translate(_REVERSED)


def _pages(view: FileView) -> Iterator[tuple[int, int, int]]:
    """The first byte of each page, its number of bytes, if it is whole, and its flags."""
    place = 0
    while len(head := view.at(place, _HEADER)) == _HEADER:
        if head[:4] != _CAPTURE:
            skipped = view.at(place, _SEARCHED).find(_CAPTURE)
            place += skipped if skipped >= 0 else _SEARCHED - len(_CAPTURE) + 1
            continue
        sizes = view.at(place + _HEADER, head[26])
        size = _HEADER + len(sizes) + sum(sizes)
        yield place, size, head[5]
        place += size
