"""The server, with clients of the tests' own."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tfsr.errors import UserError
from tfsr.telephony import audiosocket, server
from tfsr.telephony.audiosocket import message
from tfsr.telephony.recording import Recording
from tfsr.telephony.server import Settings, serve

NAMES = [uuid.UUID(int=number) for number in range(1, 9)]
SOUND = np.random.default_rng(0).integers(-9000, 9000, 1600).astype("<i2")
WIDE = np.repeat(SOUND, 2)


def sound(begin: int = 0, end: int = 1600) -> bytes:
    kind = audiosocket.AUDIO[8000]
    parts = [SOUND[at : at + 160] for at in range(begin, end, 160)]
    return b"".join(message(kind, part.tobytes()) for part in parts)


def hello(number: int) -> bytes:
    return message(audiosocket.UUID, NAMES[number].bytes)


Client = Callable[[bytes], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
def serving(doubling, tmp_path, monkeypatch):
    """A function that runs clients against a server; it gives what that told.

    A client is given a function, which connects and sends. Afterwards the server stops.
    """
    told: list[str] = []
    monkeypatch.setattr(server, "tell", told.append)
    # Loads of other work are no pauses of the exchange.
    monkeypatch.setattr("tfsr.telephony.call._PAUSE", 1e9)

    async def serving(clients, **how) -> None:
        usual = {"folder": str(tmp_path), "reply": False, "calls": 4, "timeout": 60}
        board = server.Switchboard(doubling, Settings(**usual | how))
        connections = []  # that nobody holds are closed
        running = asyncio.create_task(server._serve(board, "127.0.0.1", 0))
        while not told:
            await asyncio.sleep(0.001)
        port = int(told[0].rpartition(":")[2].partition(",")[0])

        async def connect(data: bytes):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            await writer.drain()
            connections.append(writer)
            return reader, writer

        await clients(connect, told)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == signal.SIGTERM

    def run(clients, **how) -> list[str]:
        asyncio.run(serving(clients, **how))
        return told[1:]

    return run


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def recorded(folder: Path, number: int, more: str = "") -> np.ndarray:
    return soundfile.read(folder / f"{NAMES[number]}{more}.wav", dtype="int16")[0]


HANG_UP = message(audiosocket.HANG_UP)


def test_calls_at_once_are_recorded_each(serving, tmp_path):
    async def clients(connect: Client, told) -> None:
        for number in range(4):
            reader, _ = await connect(hello(number) + sound(160 * number) + HANG_UP)
            assert await reader.read() == b""
        await until(lambda: len(told) == 5)

    told = serving(clients)
    for number in range(4):
        np.testing.assert_array_equal(recorded(tmp_path, number), WIDE[320 * number :])
        seconds = f"{0.2 - 0.02 * number:.1f} s"
        line = f"{NAMES[number]}: {seconds}, hung up; {tmp_path}/{NAMES[number]}.wav"
        assert line in told
    assert re.match(r"live: 4 calls, 0 refused; \d+ frames of 10 ms, ", told[-1])


def test_how_else_calls_end(serving, tmp_path, monkeypatch):
    """By a connection that is closed, one that breaks, and by the end of the server."""

    def recording(number: int) -> list[Path]:
        return list(tmp_path.glob(f".*{NAMES[number]}*"))

    # Each recording is begun at once, and its file shows that sound has come.
    monkeypatch.setattr("tfsr.telephony.call.Recording", lambda *of, first: Recording(*of, 1))

    async def clients(connect: Client, told) -> None:
        _, closed = await connect(hello(0) + sound())
        closed.close()
        await until(lambda: len(told) == 2)
        _, broken = await connect(hello(1) + sound())
        linger = np.array([1, 0], np.int32).tobytes()
        broken.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await until(lambda: recording(1))
        broken.transport.abort()
        await until(lambda: len(told) == 3)
        await connect(hello(2) + sound())
        await until(lambda: recording(2))

    told = serving(clients)
    for number in range(3):
        np.testing.assert_array_equal(recorded(tmp_path, number), WIDE)
    assert [" closed;" in told[0], " broke;" in told[1], " stops;" in told[2]] == [True] * 3
    assert len(list(tmp_path.iterdir())) == 3


def test_one_uuid_twice(serving, tmp_path):
    async def clients(connect: Client, told) -> None:
        _, first = await connect(hello(0) + sound(0, 800))
        await connect(hello(0) + sound(800) + HANG_UP)
        await until(lambda: len(told) == 2)
        first.write(HANG_UP)
        await until(lambda: len(told) == 3)

    serving(clients)
    np.testing.assert_array_equal(recorded(tmp_path, 0), WIDE[1600:])
    np.testing.assert_array_equal(recorded(tmp_path, 0, "-2"), WIDE[:1600])


def test_nobody_is_harmed_by_others(serving, tmp_path):
    async def clients(connect: Client, told) -> None:
        _, good = await connect(hello(0) + sound(0, 800))
        for bad in (
            b"\xff\x00\x01\x02" + b"\xff" * 9000,
            sound(),
            hello(1) + b"\x10\xff\xff" + bytes(65_535),
            hello(2)[:9],
        ):
            _, writer = await connect(bad)
            writer.close()
            await until(lambda number=len(told): len(told) > number)
        good.write(sound(800) + HANG_UP)
        await until(lambda: len(told) == 6)

    told = serving(clients)
    np.testing.assert_array_equal(recorded(tmp_path, 0), WIDE)
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAMES[0]}.wav"]
    assert "a call: 0.0 s, the exchange reports error" in told[0] and "before a UUID" in told[1]
    assert "malformed: 65535 bytes" in told[2] and "closed; no sound" in told[3]


def test_more_calls_than_are_allowed_are_refused(serving, tmp_path):
    async def clients(connect: Client, told) -> None:
        _, first = await connect(hello(0) + sound())
        for _ in range(20):
            reader, _ = await connect(b"")
            assert await reader.read() == HANG_UP
        first.write(HANG_UP)
        await until(lambda: len(told) == 3)
        await connect(hello(1) + sound() + HANG_UP)
        await until(lambda: len(told) == 4)

    told = serving(clients, calls=1)
    assert "a call is refused, 1 are all (--calls)" in told[0]
    assert told[-1].startswith("live: 2 calls, 20 refused; ")
    np.testing.assert_array_equal(recorded(tmp_path, 1), WIDE)


def test_calls_that_have_gone_silent_end(serving, tmp_path):
    async def clients(connect: Client, told) -> None:
        await connect(hello(0) + sound())
        await until(lambda: len(told) == 2)

    told = serving(clients, timeout=0.2)
    assert "nothing came for 0.2 s" in told[0]
    np.testing.assert_array_equal(recorded(tmp_path, 0), WIDE)


def test_a_client_that_says_nothing(serving, monkeypatch):
    monkeypatch.setattr(server, "_FOR_UUID", 0.1)

    async def clients(connect: Client, told) -> None:
        await connect(b"\x01")
        await until(lambda: len(told) == 2)

    assert "no UUID came; no sound" in serving(clients, timeout=0.4)[0]


def test_a_client_that_sends_too_fast_waits(serving, tmp_path):
    async def clients(connect: Client, told) -> None:
        await connect(hello(0) + 50 * sound() + HANG_UP)
        await until(lambda: len(told) == 2)

    serving(clients)
    np.testing.assert_array_equal(recorded(tmp_path, 0), np.tile(WIDE, 50))


def test_replies(serving, tmp_path):
    async def clients(connect: Client, told) -> None:
        reader, writer = await connect(hello(0) + sound())
        wide = b""
        while len(wide) < 9 * 640:
            kind, length = (await reader.readexactly(3))[0], 640
            assert kind == audiosocket.AUDIO[16_000]
            wide += await reader.readexactly(length)
        np.testing.assert_array_equal(np.frombuffer(wide, "<i2"), WIDE[: 9 * 320])
        # One that does not read what it gets goes on, and harms nobody.
        writer.write(100 * sound() + HANG_UP)
        await until(lambda: len(told) == 2)

    serving(clients, reply=True)
    assert len(recorded(tmp_path, 0)) == 101 * len(WIDE)


def test_a_recording_that_cannot_be_written_is_its_call_s_own_loss(serving, tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()

    async def clients(connect: Client, told) -> None:
        folder.rmdir()
        folder.write_text("")
        await connect(hello(0) + sound() + HANG_UP)
        await until(lambda: len(told) == 2)
        folder.unlink()
        await connect(hello(1) + sound() + HANG_UP)
        await until(lambda: len(told) == 3)

    told = serving(clients, folder=str(folder))
    assert told[0].startswith("tfsr: ") and "cannot be written" in told[0]
    np.testing.assert_array_equal(recorded(folder, 1), WIDE)


@pytest.mark.parametrize(
    ("address", "how", "message"),
    [
        ("9092", {}, "`audiosocket` 9092: give HOST:PORT, such as"),
        ("here:port", {}, "`audiosocket` here:port: give HOST:PORT"),
        ("127.0.0.1:99999", {}, "give HOST:PORT"),
        ("no.such.host.invalid:1", {}, "nobody can listen there"),
        ("a" * 64 + ":1", {}, "nobody can listen there"),
        ("2001:db8::7:1", {}, r"`audiosocket` \[2001:db8::7\]:1: nobody can listen there"),
        ("127.0.0.1:0", {"folder": "/proc/calls"}, "/proc/calls: nothing can be written there"),
        ("127.0.0.1:0", {"folder": "/sys/kernel"}, "/sys/kernel: nothing can be written there"),
        ("127.0.0.1:0", {"folder": __file__}, "server_test.py: is a file; give a folder"),
        ("127.0.0.1:0", {"calls": 10**9}, "`calls`: .* open files are needed"),
    ],
)
def test_what_cannot_be_is_told(doubling, address, how, message):
    settings = {"folder": None, "reply": True, "calls": 1, "timeout": 1} | how
    with pytest.raises(UserError, match=message):
        serve(doubling, address, Settings(**settings))


def test_a_log_that_nobody_reads_stops_nothing():
    """As of `| head -1`."""
    receiving, sending = os.pipe()
    kept = os.dup(1)
    os.dup2(sending, 1)
    os.close(sending)
    os.close(receiving)
    try:
        with contextlib.redirect_stdout(os.fdopen(1, "w", closefd=False)):
            server.tell("to nobody")
            server.tell("to nobody again")
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def test_what_is_not_read_of_replies_is_told(serving, monkeypatch):
    monkeypatch.setattr(server, "_UNREAD", 0)

    async def clients(connect: Client, told) -> None:
        await connect(hello(0) + sound())
        await until(lambda: len(told) == 2)

    told = serving(clients, reply=True, timeout=0.4)
    assert told[0].endswith("; 5787 bytes of --reply were not read")  # the end is not sent


def test_a_port_that_is_taken_is_told(doubling):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f":{port}: nobody can listen there"):
            serve(doubling, f"127.0.0.1:{port}", Settings(None, True, 1, 1))
