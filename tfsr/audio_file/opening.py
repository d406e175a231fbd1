"""Which decoder reads a file, by what is in it, else by its name."""

import contextlib
import dataclasses
from collections.abc import Callable

from tfsr.audio_file import chunks, headerless, ogg
from tfsr.audio_file.ffmpeg import FfmpegDecoder
from tfsr.audio_file.headerless import CODINGS, Raw
from tfsr.audio_file.part import Part
from tfsr.audio_file.sndfile import SndfileDecoder
from tfsr.audio_file.sound import UNFINISHED, Decoder, Fault, Unreadable, ends_early, left_out
from tfsr.audio_file.told import Told, is_other_w64, readable, told_and_there


@dataclasses.dataclass
class Found:
    """How a file is decoded.

    Attributes:
        decoders: of what follows each other in it.
        lacks: what its header says that is not there, from the seconds that are there.
        limit: samples from which on there is only what fills up the last block of a coding.
        assumed: how samples lie in it, where only its name tells it.
    """

    decoders: list[Decoder]
    lacks: Callable[[float], list[Fault]] = lambda _: []
    limit: int | None = None
    assumed: Raw | None = None


def find(part: Part, name: str, raw: Raw | None) -> Found:
    """Decoders of a file.

    Args:
        name: of the file.
        raw: how samples lie in it; None: as it tells.

    Raises:
        Unreadable: nothing can decode it.
    """
    if raw:
        return Found([_headerless(part, raw)])
    if wave := chunks.wave(part):
        return Found([_either(wave.view)], lambda _: wave.faults, wave.limit)
    if part.at(0, 4) == b"OggS":
        return _ogg(part)
    with contextlib.suppress(Unreadable):
        told = told_and_there(part)
        decoder = _by_sndfile(readable(part))
        return Found([decoder], lambda seconds: _lacking(told, seconds))
    assumed = headerless.by_name(name) or (Raw(8000, "gsm") if headerless.is_gsm(part) else None)
    if assumed:
        return Found([_headerless(part, assumed)], assumed=assumed)
    decoder = FfmpegDecoder(readable(part))
    told = told_and_there(part)
    if part.at(0, 4) == b"fLaC":
        told = Told(decoder.samples)
    return Found([decoder], lambda seconds: _lacking(told, seconds))


def _by_sndfile(part: Part) -> SndfileDecoder:
    """But for MP3, whose length it estimates, damaged FLAC, of which it gives nothing, and W64."""
    head = part.at(0, 4)
    lossy = head[:3] == b"ID3" or head[:1] == b"\xff"
    if lossy or head == b"fLaC" or is_other_w64(part):
        raise Unreadable("not for libsndfile")
    decoder = SndfileDecoder(part)
    if decoder.subtype.startswith("MPEG"):
        raise Unreadable("not for libsndfile")
    return decoder


def _either(part: Part) -> Decoder:
    """libsndfile, else FFmpeg, for what libsndfile has no decoder for; its reason counts."""
    try:
        return _by_sndfile(part)
    except Unreadable as error:
        try:
            return FfmpegDecoder(part)
        except Unreadable:
            raise error from None


def _ogg(part: Part) -> Found:
    """Each stream that follows; one that cannot be read after others is left out."""
    links = ogg.links(part)
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


def _headerless(part: Part, raw: Raw) -> Decoder:
    coding = CODINGS[raw.coding]
    if coding.isupper():
        how = {"samplerate": raw.rate, "channels": raw.channels, "subtype": coding}
        endian = "BIG" if raw.coding.endswith("be") else "LITTLE"
        return SndfileDecoder(part, format="RAW", endian=endian, **how)
    options = {} if coding in ("g722", "g729") else {"sample_rate": str(raw.rate)}
    return FfmpegDecoder(part, coding, **options)


def _lacking(told: Told, seconds: float) -> list[Fault]:
    """What the header of a file tells of samples that are not there, or are not all."""
    if told.told is None:
        return [UNFINISHED]
    if told.told > told.there > 0:
        return [ends_early(seconds * (told.told - told.there) / told.there)]
    lost = told.after * seconds > chunks.NOTICED_SECONDS * told.told
    return [left_out(told.after)] if lost else []
