"""Messages as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.telephony import audiosocket
from tfsr.telephony.audiosocket import Message, Messages

KNOWN = [
    (b"\x00\x00\x00", Message(audiosocket.HANG_UP, b"")),
    (b"\x01\x00\x10" + bytes(range(16)), Message(audiosocket.UUID, bytes(range(16)))),
    (b"\x03\x00\x015", Message(audiosocket.DTMF, b"5")),
    (b"\x10\x01\x40" + bytes(320), Message(audiosocket.AUDIO[8000], bytes(320))),
    (b"\x12\x02\x80" + bytes(640), Message(audiosocket.AUDIO[16_000], bytes(640))),
]


@pytest.mark.parametrize(("data", "meant"), KNOWN)
def test_as_asterisk_sends_them(data, meant):
    assert list(Messages().of(data)) == [meant]
    assert audiosocket.message(*meant) == data


@given(st.lists(st.integers(0, 400), max_size=9))
def test_however_they_are_cut(places):
    data = b"".join(data for data, _ in KNOWN)
    edges = [0, *sorted(places), len(data)]
    messages, found = Messages(), []
    for begin, end in zip(edges, edges[1:], strict=False):
        found += messages.of(data[begin:end])
    assert found == [meant for _, meant in KNOWN]
