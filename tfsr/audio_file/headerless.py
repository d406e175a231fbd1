"""Headerless files of telephony; the file name or the user tells their format."""

from pathlib import PurePath
from typing import NamedTuple

from tfsr.audio_file.file_view import FileView
from tfsr.errors import UserError

# Codings, by the word for them: libsndfile's subtype, or FFmpeg's format.
CODINGS = {
    **{"ulaw": "ULAW", "alaw": "ALAW", "s16le": "PCM_16", "s16be": "PCM_16", "s8": "PCM_S8"},
    **{"u8": "PCM_U8", "s24le": "PCM_24", "s32le": "PCM_32", "f32le": "FLOAT"},
    **{"gsm": "GSM610", "vox": "VOX_ADPCM", "g722": "g722", "g726": "g726", "g726le": "g726le"},
    "g729": "g729",
}
_FIXED_RATES = {"g722": 16_000, "gsm": 8000, "g726": 8000, "g726le": 8000, "g729": 8000}
_MONO = (*_FIXED_RATES, "vox")

_GSM_FRAME = 33  # bytes, of which the first has this in its upper half
_GSM_MARK = 0xD
_LOOKED_AT = 50


class Raw(NamedTuple):
    """The format of samples in a file without header.

    Attributes:
        rate: Hz.
        coding: one of `CODINGS`.
    """

    rate: int
    coding: str
    channels: int = 1

    def __str__(self) -> str:
        return f"{self.rate},{self.coding},{self.channels}"


# As Asterisk names its files; ".raw" is what SoX and others call such too.
SUFFIXES = {
    **{name: Raw(8000, "ulaw") for name in (".ulaw", ".ul", ".pcmu", ".mulaw", ".mu", ".ulw")},
    **{name: Raw(8000, "alaw") for name in (".alaw", ".al", ".pcma", ".alw")},
    **{name: Raw(8000, "s16le") for name in (".raw", ".sln", ".slin", ".sln8")},
    **{f".sln{k}": Raw(1000 * k, "s16le") for k in (12, 16, 24, 32, 48, 96, 192)},
    **{f".slin{k}": Raw(1000 * k, "s16le") for k in (12, 16, 24, 32, 48, 96, 192)},
    **{".sln44": Raw(44_100, "s16le"), ".slin44": Raw(44_100, "s16le")},
    **{".g722": Raw(16_000, "g722"), ".gsm": Raw(8000, "gsm"), ".vox": Raw(8000, "vox")},
    **{".g726": Raw(8000, "g726"), ".g729": Raw(8000, "g729")},
}


def parse(text: str) -> Raw:
    """Parse a text such as "8000,ulaw,1" or "8000,ulaw".

    Raises:
        UserError: it has another form, or an unknown coding or rate.
    """
    rate, coding, channels = (*text.lower().split(","), "1", "")[:3]
    whole = rate.isdecimal() and channels.isdecimal() and text.count(",") in (1, 2)
    if not whole or coding not in CODINGS or not 1000 <= int(rate) <= 1_000_000:
        raise UserError(
            f"`raw` {text}: give Hz, coding and channels, such as 8000,ulaw,1; "
            f"codings are {' '.join(CODINGS)}"
        )
    if int(rate) != _FIXED_RATES.get(coding, int(rate)):
        raise UserError(f"`raw` {text}: {coding} is at {_FIXED_RATES[coding]} Hz")
    if not 1 <= int(channels) <= (1 if coding in _MONO else 1024):
        raise UserError(f"`raw` {text}: {coding} has no {channels} channels")
    return Raw(int(rate), coding, int(channels))


def by_name(name: str) -> Raw | None:
    """The format of a file by its name, if the name tells it."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def is_gsm(view: FileView) -> bool:
    """Whether a file consists of frames of GSM full rate, whatever its name."""
    marks = view.at(0, _LOOKED_AT * _GSM_FRAME)[::_GSM_FRAME]
    return len(marks) > 4 and all(mark >> 4 == _GSM_MARK for mark in marks)
