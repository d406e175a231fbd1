"""The streams that follow each other in an Ogg file, as those of radio and of joined files do."""

from collections.abc import Iterator

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


def channel_order(channels: int) -> list[int]:
    """Where the channels of WAV's order are among those of Vorbis and Opus."""
    return _ORDERS.get(channels, list(range(channels)))


def is_surround(view: FileView) -> bool:
    """Whether the channels of a stream, Vorbis or Opus, have Vorbis's order."""
    head = view.at(0, 4096)
    opus = head.find(b"OpusHead")
    return opus < 0 or head[opus + _MAPPING : opus + _MAPPING + 1] == bytes([_SURROUND])


def links(view: FileView) -> list[tuple[FileView, bool]]:
    """Each stream, and whether it came to its end, which cut files do not."""
    found, begins, beginning, ended = [], 0, True, False
    for place, flags in _pages(view):
        first = bool(flags & _FIRST)
        if first and not beginning:
            found.append((view.cut(begins, place - begins), ended))
            begins = place
        beginning = first
        ended = bool(flags & _LAST)
    return [*found, (view.cut(begins), ended)]


def _pages(view: FileView) -> Iterator[tuple[int, int]]:
    """Where each page begins, and its flags."""
    place = 0
    while len(head := view.at(place, _HEADER)) == _HEADER:
        if head[:4] != _CAPTURE:
            skipped = view.at(place, _SEARCHED).find(_CAPTURE)
            place += skipped if skipped >= 0 else _SEARCHED - len(_CAPTURE) + 1
            continue
        sizes = view.at(place + _HEADER, head[26])
        after = place + _HEADER + len(sizes) + sum(sizes)
        yield place, head[5] if after <= len(view) else 0
        place = after
