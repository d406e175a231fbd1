"""Asterisk's AudioSocket: messages of a kind, a length and what it is that long.

https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

HANG_UP, UUID, DTMF, ERROR = 0x00, 0x01, 0x03, 0xFF

AUDIO = {
    **{8000: 0x10, 12_000: 0x11, 16_000: 0x12, 24_000: 0x13, 32_000: 0x14},
    **{44_100: 0x15, 48_000: 0x16, 96_000: 0x17, 192_000: 0x18},
}
"""The kinds of signed linear sound, 16 bits, little-endian, one channel; by its rate in Hz.

All but the first are of Asterisk's versions since October 2025.
"""

UUID_BYTES = 16
_HEADER = struct.Struct(">BH")


class Message(NamedTuple):
    """One message."""

    kind: int
    content: bytes


def message(kind: int, content: bytes = b"") -> bytes:
    """As it is sent; it holds 65535 bytes at most."""
    return _HEADER.pack(kind, len(content)) + content


class Messages:
    """Messages from bytes, however these are cut."""

    def __init__(self):
        self._held = b""

    def of(self, data: bytes) -> Iterator[Message]:
        """Those that are complete with these bytes."""
        held = self._held + data
        place = 0
        while len(held) - place >= _HEADER.size:
            kind, length = _HEADER.unpack_from(held, place)
            end = place + _HEADER.size + length
            if end > len(held):
                break
            yield Message(kind, held[place + _HEADER.size : end])
            place = end
        self._held = held[place:]
