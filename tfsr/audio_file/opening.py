"""Choose the decoder of a file, by its content or else by its name."""

import contextlib
import dataclasses
from collections.abc import Callable

from tfsr.audio_file import chunks, headerless, ogg
from tfsr.audio_file.data_size import DataSize, data_size, is_other_w64, readable
from tfsr.audio_file.decoder import UNFINISHED, Decoder, Fault, Unreadable, ends_early, left_out
from tfsr.audio_file.ffmpeg import FfmpegDecoder
from tfsr.audio_file.file_view import FileView
from tfsr.audio_file.headerless import CODINGS, Raw
from tfsr.audio_file.sndfile import SndfileDecoder


@dataclasses.dataclass
class Found:
    """How a file is decoded.

    Attributes:
        decoders: of the parts of the file, in order.
        lacks: maps the seconds that exist to faults: what the header declares but is missing.
        limit: number of samples after which there is only the filling of a coding's last block.
        assumed: coding of its samples, if only its name tells it.
    """

    decoders: list[Decoder]
    lacks: Callable[[float], list[Fault]] = lambda _: []
    limit: int | None = None
    assumed: Raw | None = None


def find(view: FileView, name: str, raw: Raw | None) -> Found:
    """Find the decoders of a file.

    Args:
        name: of the file.
        raw: coding of its samples; None: the file tells it.

    Raises:
        Unreadable: no decoder can decode it.
    """
    if raw:
        return Found([_headerless(view, raw)])
    if wave := chunks.wave(view):
        return Found([_either(wave.view)], lambda _: wave.faults, wave.limit)
    if view.at(0, 4) == b"OggS":
        return _ogg(view)
    with contextlib.suppress(Unreadable):
        size = data_size(view)
        decoder: Decoder = _by_sndfile(readable(view))
        return Found([decoder], lambda seconds: _lacking(size, seconds))
    assumed = headerless.by_name(name) or (Raw(8000, "gsm") if headerless.is_gsm(view) else None)
    if assumed:
        return Found([_headerless(view, assumed)], assumed=assumed)
    decoder = FfmpegDecoder(readable(view))
    size = data_size(view)
    if view.at(0, 4) == b"fLaC":
        size = DataSize(decoder.samples)
    return Found([decoder], lambda seconds: _lacking(size, seconds))


def _by_sndfile(view: FileView) -> SndfileDecoder:
    """libsndfile's decoder. Not for MP3 (estimated length), W64, or damaged FLAC (no output)."""
    head = view.at(0, 4)
    lossy = head[:3] == b"ID3" or head[:1] == b"\xff"
    if lossy or head == b"fLaC" or is_other_w64(view):
        raise Unreadable("not for libsndfile")
    decoder = SndfileDecoder(view)
    if decoder.subtype.startswith("MPEG"):
        raise Unreadable("not for libsndfile")
    return decoder


def _either(view: FileView) -> Decoder:
    """libsndfile, else FFmpeg. If both fail, the error of libsndfile is reported."""
    try:
        return _by_sndfile(view)
    except Unreadable as error:
        try:
            return FfmpegDecoder(view)
        except Unreadable:
            raise error from None


def _ogg(view: FileView) -> Found:
    """Each stream in order; one that cannot be read after others is left out."""
    links = ogg.links(view)
    decoders, faults = [], []
    for stream, _ in links:
        try:
            decoders.append(_either(stream))
        except Unreadable as error:
            if not decoders:
                raise
            faults.append(Fault(f"a part of it cannot be read ({error})"))
    if not links[-1][1]:
        faults.append(Fault("its last page is missing: it was cut off or never finished"))
    return Found(decoders, lambda _: faults)


def _headerless(view: FileView, raw: Raw) -> Decoder:
    coding = CODINGS[raw.coding]
    if coding.isupper():
        how = {"samplerate": raw.rate, "channels": raw.channels, "subtype": coding}
        endian = "BIG" if raw.coding.endswith("be") else "LITTLE"
        return SndfileDecoder(view, format="RAW", endian=endian, **how)
    options = {} if coding in ("g722", "g729") else {"sample_rate": str(raw.rate)}
    return FfmpegDecoder(view, coding, **options)


def _lacking(size: DataSize, seconds: float) -> list[Fault]:
    """Faults if samples declared in the header are missing, all or some."""
    if size.declared is None:
        return [UNFINISHED]
    if size.declared > size.present > 0:
        return [ends_early(seconds * (size.declared - size.present) / size.present)]
    lost = size.trailing * seconds > chunks.NOTICED_SECONDS * size.declared
    return [left_out(size.trailing)] if lost else []
