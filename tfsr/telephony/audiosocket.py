"""Asterisk's AudioSocket: a message has a kind, a length and a content of that length.

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
"""Message kinds of signed linear sound, 16 bits, little-endian, one channel; by rate in Hz.

All but the first exist in Asterisk's versions since October 2025.
"""

UUID_BYTES = 16
_HEADER = struct.Struct(">BH")


class Message(NamedTuple):
    """One message."""

    kind: int
    content: bytes


def message(kind: int, content: bytes = b"") -> bytes:
    """The bytes of a message; its content has 65535 bytes at most."""
    return _HEADER.pack(kind, len(content)) + content


class Messages:
    """Reads messages from bytes that arrive in any pieces."""

    def __init__(self):
        self._held = b""

    def of(self, data: bytes) -> Iterator[Message]:
        """The messages that these bytes complete."""
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
