"""One call, without a network."""

import uuid

import numpy as np
import pytest

from tfsr.telephony import audiosocket
from tfsr.telephony.audiosocket import message
from tfsr.telephony.call import Call, Ended

NAME = uuid.UUID(int=7)
HELLO = message(audiosocket.UUID, NAME.bytes)
SOUND = np.random.default_rng(0).integers(-9000, 9000, 1600).astype("<i2")


def sound(begin: int, end: int) -> bytes:
    return message(audiosocket.AUDIO[8000], SOUND[begin:end].tobytes())


@pytest.fixture
def call(doubling) -> Call:
    call = Call(doubling, 0, None, None, now=0.0)
    call.take(HELLO, 0.0)
    return call


def hops(call: Call) -> np.ndarray:
    made = [np.zeros(0)]
    while call.ready:
        made.append(call.next()[0][0])
    return np.concatenate(made)


def test_sound_becomes_hops(call):
    assert call.name == str(NAME)
    call.take(sound(0, 100), 1.0)
    call.take(sound(100, 240), 1.02)
    np.testing.assert_array_equal(hops(call), SOUND[:240] / np.float32(32768))


def test_a_hop_came_with_its_last_sample(call):
    for number in range(3):
        call.take(sound(60 * number, 60 * number + 60), 1 + number / 100)
    assert [call.next()[1], call.next()[1]] == [1.01, 1.02]


@pytest.mark.parametrize(("pause", "lost"), [(0.02, 0), (0.1, 0), (0.115, 0), (0.5, 3840)])
def test_a_pause_is_concealed(call, pause, lost):
    call.take(sound(0, 160), 1.0)
    call.take(sound(160, 320), 1 + pause)
    made = hops(call)
    assert len(made) == 320 + lost
    np.testing.assert_array_equal(made[:160], SOUND[:160] / np.float32(32768))
    np.testing.assert_array_equal(made[-96:], SOUND[224:320] / np.float32(32768))


def test_what_was_only_late_is_not_lost(call):
    call.take(sound(0, 160), 1.0)
    call.take(sound(160, 880) + sound(880, 1600), 1.2)
    np.testing.assert_array_equal(hops(call), SOUND / np.float32(32768))


def packets(*times: float) -> list[tuple[float, int]]:
    """One message of 20 ms at each time."""
    return [(time, 1) for time in times]


def steady(begin: float, end: float) -> list[tuple[float, int]]:
    return packets(*np.arange(begin, end - 0.001, 0.02))


TIMELINES = {
    "a stall, then one message, then all others": (
        [*steady(0, 1), (2.0, 1), (2.005, 49), *steady(2.02, 3)],
        3.0,
    ),
    "a stall, then all at four times the pace": (
        [*steady(0, 1), *packets(*np.arange(2, 2.33, 0.005)), *steady(2.34, 3)],
        3.0,
    ),
    "a stall, then all at once": ([*steady(0, 1), (2.0, 50), *steady(2.02, 3)], 3.0),
    "six at a time": ([(0.12 * n + 0.001 * m, 1) for n in range(20) for m in range(6)], 2.4),
    "ten at a time": ([(0.2 * n + 0.001 * m, 1) for n in range(12) for m in range(10)], 2.4),
    "all in advance": ([*packets(*np.arange(0, 0.4, 0.002)), (4.0, 1)], 4.02),
    "each fifth is lost": ([one for n, one in enumerate(steady(0, 4)) if n % 5], 4.0),
    "nothing for a while": ([*steady(0, 1), *steady(3, 4)], 4.0),
    "a clock that is slow": (packets(*np.arange(2000) * 0.020005), 40.01),
}


@pytest.mark.parametrize("name", TIMELINES)
def test_the_recording_keeps_time(call, name):
    """To a tenth of a second, whenever sound comes."""
    events, seconds = TIMELINES[name]
    for time, count in events:
        call.take(count * sound(0, 160), 1 + float(time))
    assert call.seconds == pytest.approx(seconds, abs=0.11)


@pytest.mark.parametrize("name", ["ten at a time", "all in advance", "a clock that is slow"])
def test_nothing_is_made_up_where_all_has_come(call, name):
    events, _ = TIMELINES[name]
    for time, count in events:
        call.take(count * sound(0, 160), 1 + float(time))
    expected = np.tile(SOUND[:160], len(events)) / np.float32(32768)
    made = hops(call)
    np.testing.assert_array_equal(made, expected[: len(made)])


def test_what_came_too_late_is_left_out_without_a_click(call):
    """A tone goes on in step; its steps stay as small as they were."""
    tone = (9000 * np.sin(2 * np.pi * 100 / 8000 * np.arange(24_000))).astype("<i2")
    parts = [message(audiosocket.AUDIO[8000], part.tobytes()) for part in np.split(tone, 150)]
    for number in range(50):
        call.take(parts[number], 1 + 0.02 * number)
    call.take(parts[50], 3.0)
    call.take(b"".join(parts[51:100]), 3.005)
    for number in range(100, 150):
        call.take(parts[number], 3.02 + 0.02 * (number - 100))
    made = hops(call)
    assert abs(len(made) - 24_000) < 900
    assert np.max(np.abs(np.diff(made))) < 1.5 * 2 * np.pi * 100 / 8000 * 9000 / 32768


def test_empty_messages_are_no_sound(call):
    for number in range(50):
        call.take(sound(0, 160), 1 + 0.02 * number)
    for number in range(100):
        call.take(message(audiosocket.AUDIO[8000]), 2 + 0.02 * number)
    call.take(sound(0, 160), 4.0)
    assert call.seconds == pytest.approx(3.02, abs=0.01)


def test_what_was_not_read_is_not_lost(call):
    call.take(sound(0, 160), 1.0)
    call.interrupted()
    call.take(sound(160, 320), 3.0)
    assert len(hops(call)) == 320


def test_replies_are_of_20_ms(doubling):
    sent = []
    call = Call(doubling, 0, None, sent.append, now=0.0)
    call.take(HELLO + sound(0, 400), 0.0)
    state = doubling.initial_state()
    while call.ready:
        high, state = doubling.step(call.next()[0], state)
        call.give(high[0])
    (one, other) = sent
    assert one[:3] == other[:3] == b"\x12\x02\x80" and len(one) == 3 + 640
    low = np.frombuffer(one[3:] + other[3:], "<i2")
    np.testing.assert_array_equal(low, np.repeat(SOUND[:320], 2))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message(audiosocket.HANG_UP), "hung up"),
        (message(audiosocket.ERROR, b"\x02"), "the exchange reports error 02"),
        (message(audiosocket.ERROR), "the exchange reports error without number"),
        (HELLO, "malformed: a second UUID$"),
        (message(audiosocket.AUDIO[8000], b"123"), "malformed: 3 bytes are no samples"),
        (message(0x12, bytes(640)), "malformed: sound of kind 0x12, not of 8000 Hz; let the"),
        (message(0x77, bytes(65_535)), "malformed: no message is of kind 0x77"),
        (
            b"GET / HTTP/1.1\r\n" + bytes(30_000),
            "malformed: no message is of kind 0x47",
        ),
    ],
)
def test_by_what_a_call_ends(call, data, reason):
    with pytest.raises(Ended, match=f"^{reason}"):
        call.take(sound(0, 160) + data, 1.0)
    assert len(hops(call)) == 160  # what came before it counts


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sound(0, 160), "sound came before a UUID"),
        (message(audiosocket.UUID, b"short"), "malformed: a UUID of 5 bytes, not of 16"),
    ],
)
def test_what_a_call_must_begin_with(doubling, data, reason):
    with pytest.raises(Ended, match=reason):
        Call(doubling, 0, None, None, now=0.0).take(data, 0.0)


def test_digits_are_no_sound(call):
    call.take(message(audiosocket.DTMF, b"5"), 1.0)
    assert not call.ready and call.heard_at == 1.0
