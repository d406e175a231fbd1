"""The streams that follow each other in an Ogg file, as those of radio and of joined files do."""

from collections.abc import Iterator

from tfsr.audio_file.part import Part

_CAPTURE = b"OggS"
_HEADER = 27
_SEARCHED = 1 << 16

_FIRST, _LAST = 2, 4  # flags of pages


def links(part: Part) -> list[tuple[Part, bool]]:
    """Each stream, and whether it came to its end, which cut files do not."""
    found, begins, beginning, ended = [], 0, True, False
    for place, flags in _pages(part):
        first = bool(flags & _FIRST)
        if first and not beginning:
            found.append((part.cut(begins, place - begins), ended))
            begins = place
        beginning = first
        ended = bool(flags & _LAST)
    return [*found, (part.cut(begins), ended)]


def _pages(part: Part) -> Iterator[tuple[int, int]]:
    """Where each page begins, and its flags."""
    place = 0
    while len(head := part.at(place, _HEADER)) == _HEADER:
        if head[:4] != _CAPTURE:
            skipped = part.at(place, _SEARCHED).find(_CAPTURE)
            place += skipped if skipped >= 0 else _SEARCHED - len(_CAPTURE) + 1
            continue
        sizes = part.at(place + _HEADER, head[26])
        after = place + _HEADER + len(sizes) + sum(sizes)
        yield place, head[5] if after <= len(part) else 0
        place = after
