"""Files made of chunks: all kinds of WAV, AIFF, CAF and Wave64.

Interrupted recorders, pipes, and programs with errors write wrong sizes. A WAV file is read with a
new header, made from the content of its chunks. For the other formats, missing parts are reported.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tfsr.audio_file.decoder import UNFINISHED, Fault, ends_early, left_out
from tfsr.audio_file.file_view import FileView

# Codings of WAV: PCM, in blocks (ADPCM of Microsoft and of the IMA, GSM), and told farther on.
PCM, _GSM, EXTENSIBLE = 0x0001, 0x0031, 0xFFFE
_IN_BLOCKS = (0x0002, 0x0011, _GSM)

# Of sizes that pipes leave (SoX: 7FFFF000 and whole frames below
# 7F000000, ALSA: 80000000, FFmpeg: FFFFFFFF) the smallest one.
ENDLESS = 0x7EFF0000

# So far a search goes for samples, when chunks do not follow each other as they should.
_SEARCHED = 1 << 20
_LARGEST_LIST = 1 << 16
_CHUNK_HEADER = 8
_SOUNDS = (b"data", b"SSND", b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff", b"riff")
_USUAL_NAMES = (b"data", b"LIST", b"fact", b"fmt ", b"bext", b"id3 ", b"SSND", b"COMM")

# Bytes for a second where no number is told.
_USUAL = 16_000

# Less than so much after the samples is no sound that was lost.
NOTICED_SECONDS = 0.1

W64_START = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")


class Chunk(NamedTuple):
    """Name of a chunk, first byte of its content, and its stated number of bytes."""

    name: bytes
    start: int
    size: int


class _Layout(NamedTuple):
    """Layout of chunks: place of the first, bytes of name and size, and padding."""

    first: int
    name: int
    size: str
    align: int
    sizes_header: bool = False


def layout(head: bytes) -> _Layout | None:
    """The layout of a file with this beginning; None if it is not made of such chunks."""
    if head[8:12] == b"WAVE" and head[:4] in (b"RIFF", b"RF64", b"BW64"):
        return _Layout(12, 4, "<I", 2)
    if head[8:12] == b"WAVE" and head[:4] == b"RIFX":
        return _Layout(12, 4, ">I", 2)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _Layout(12, 4, ">I", 2)
    if head[:4] == b"caff":
        return _Layout(8, 4, ">q", 1)
    return _Layout(40, 16, "<q", 8, sizes_header=True) if head[:16] == W64_START else None


def walk(view: FileView, form: _Layout, first: int | None = None) -> Iterator[Chunk]:
    """The chunks by their sizes; if sizes are wrong, as far as that can be detected."""
    place: int | None = first or form.first
    length = form.name + struct.calcsize(form.size)
    while place is not None and len(head := view.at(place, length)) == length:
        size = struct.unpack(form.size, head[form.name :])[0]
        size -= length if form.sizes_header else 0
        chunk = Chunk(head[: form.name], place + length, size)
        yield chunk
        place = _after(view, chunk, form)


def _after(view: FileView, chunk: Chunk, form: _Layout) -> int | None:
    """The place where the next chunk begins; None after the last."""
    if chunk.size < 0:
        return None
    end = chunk.start + chunk.size
    padded = -(-end // form.align) * form.align
    unpadded = view.at(end, form.name)[:4] in _USUAL_NAMES
    for place in (end, padded) if unpadded else (padded, end):
        if _is_name(view.at(place, form.name)):
            return place
    if chunk.name in (b"data", b"SSND", b"fmt "):
        return None
    inside = view.at(chunk.start, _SEARCHED).find(b"data") if form.name == 4 else -1
    return None if inside < 0 else chunk.start + inside


def _is_name(name: bytes) -> bool:
    """Whether a chunk can have this name."""
    return len(name) >= 4 and all(32 <= byte < 127 for byte in name[:4]) and name[:1] != b" "


@dataclass(frozen=True)
class Wave:
    """The content of a WAV file.

    Attributes:
        view: the same recording with a correct header.
        faults: the faults of the file.
        limit: samples of each channel, if a block coding fills up its last block; else None.
    """

    view: FileView
    faults: list[Fault]
    limit: int | None


def wave(view: FileView) -> Wave | None:
    """The content of a WAV file, even after an ID3 tag; None without format or samples."""
    view = _without_id3(view)
    form = layout(view.at(0, 40))
    if form is None or view.at(8, 4) != b"WAVE":
        return None
    chunks: dict[bytes, Chunk] = {}
    for chunk in walk(view, form):
        chunks.setdefault(chunk.name, chunk)
    if b"fmt " not in chunks or b"data" not in chunks:
        return None
    format_ = view.at(chunks[b"fmt "].start, min(chunks[b"fmt "].size, 4096))
    return _wave(view, form, format_, chunks) if len(format_) >= 16 else None


def _wave(view: FileView, form: _Layout, format_: bytes, chunks: dict[bytes, Chunk]) -> Wave:
    order = form.size[0]
    tag, _, rate, bytes_per_second, block = struct.unpack(order + "HHIIH", format_[:14])
    in_block = _samples_in_block(order, format_)
    if in_block and rate:
        bytes_per_second = -(-block * rate // in_block)
    size, faults = _samples_size(view, form, chunks, bytes_per_second or _USUAL)
    size -= size % block if block and tag in (PCM, _GSM, EXTENSIBLE) else 0
    header = _header(order, format_, _tags(view, chunks), size)
    samples = None
    if in_block:
        whole = -(-size // block) * in_block
        fact = view.at(chunks[b"fact"].start, 4) if b"fact" in chunks else b""
        declared = struct.unpack(order + "I", fact)[0] if len(fact) == 4 else whole
        samples = declared if whole - in_block < declared <= whole else whole
    return Wave(view.cut(chunks[b"data"].start, size, header), faults, samples)


def _samples_in_block(order: str, format_: bytes) -> int:
    """Samples of each channel in a block, if the coding has blocks and tells this; else 0."""
    tag, block = struct.unpack(order + "H10xH", format_[:14])
    declared = tag in _IN_BLOCKS and block and len(format_) >= 20
    return struct.unpack(order + "H", format_[18:20])[0] if declared else 0


def _samples_size(
    view: FileView, form: _Layout, chunks: dict[bytes, Chunk], bytes_per_second: int
) -> tuple[int, list[Fault]]:
    """Number of bytes of samples that exist, and what is wrong with the stated number."""
    start, declared = chunks[b"data"].start, chunks[b"data"].size
    rest = len(view) - start
    if b"ds64" in chunks and declared in (0, 0xFFFFFFFF):
        declared = int.from_bytes(view.at(chunks[b"ds64"].start + 8, 8), "little")
    endless = declared > rest and declared >= ENDLESS
    if rest and (endless or (declared == 0 and not _is_chunk(view, start))):
        return rest, [UNFINISHED]
    if declared > rest:
        return rest, [ends_early((declared - rest) / bytes_per_second)]
    if rest - declared >= 1 << 32:  # sizes of 32 bits begin anew after 4 GB
        declared += (rest - declared) >> 32 << 32
    after = bytes_after(view, form, Chunk(b"data", start, declared))
    return declared, [left_out(after)] if after > NOTICED_SECONDS * bytes_per_second else []


def bytes_after(view: FileView, form: _Layout, samples: Chunk) -> int:
    """Bytes after the samples from where no chunk follows, or one with sound; else 0."""
    place = _after(view, samples, form)
    if place is None:
        return len(view) - samples.start - samples.size
    for chunk in walk(view, form, place):
        if chunk.name[:4] in _SOUNDS:
            return len(view) - chunk.start + form.name + struct.calcsize(form.size)
    return 0


def _is_chunk(view: FileView, place: int) -> bool:
    """Whether a chunk begins here and ends within the file."""
    size = int.from_bytes(view.at(place + 4, 4), "little")
    return _is_name(view.at(place, 4)) and place + 8 + size <= len(view)


def _tags(view: FileView, chunks: dict[bytes, Chunk]) -> bytes:
    """RIFF's title, artist and so on, unless the size of these tags is wrong."""
    tags, data = chunks.get(b"LIST"), chunks[b"data"]
    if tags is None or tags.size > _LARGEST_LIST or view.at(tags.start, 4) != b"INFO":
        return b""
    into_samples = tags.start < data.start < tags.start + tags.size + _CHUNK_HEADER
    return b"" if into_samples else view.at(tags.start, tags.size)


def _header(order: str, format_: bytes, tags: bytes, size: int) -> bytes:
    """A WAV header up to the samples."""
    body = _chunk(order, b"fmt ", format_) + (_chunk(order, b"LIST", tags) if tags else b"")
    whole, declared = 4 + len(body) + 8 + size + size % 2, size
    kind = b"RIFF" if order == "<" else b"RIFX"
    if whole >= 1 << 32:
        kind, body = b"RF64", b"ds64" + struct.pack("<IQQQI", 28, whole + 36, size, 0, 0) + body
        whole = declared = 0xFFFFFFFF
    start = kind + struct.pack(order + "I", whole) + b"WAVE"
    return start + body + b"data" + struct.pack(order + "I", declared)


def _chunk(order: str, name: bytes, content: bytes) -> bytes:
    return name + struct.pack(order + "I", len(content)) + content + bytes(len(content) % 2)


def _without_id3(view: FileView) -> FileView:
    head = view.at(0, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return view
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return view.cut(10 + size)
