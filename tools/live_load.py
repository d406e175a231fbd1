"""Call `tfsr live --audiosocket` as an exchange with many calls would, and tell how long it takes.

    tfsr live --audiosocket 127.0.0.1:9092 --write calls/ --reply &
    python tools/live_load.py 127.0.0.1:9092 --calls 100 --seconds 60

Every 20 ms each call sends as much of the bundled speech, at its own moment within these. With
--reply the wide sound comes back: the time from a message to what is made of it is measured. The
server tells its own times when it ends; its CPU time is read where the system tells it (--pid).
"""

import argparse
import os
import platform
import select
import socket
import time
import uuid
from importlib import resources
from pathlib import Path

import numpy as np

from tfsr.audio_file import AudioFile
from tfsr.signal.resample import soxr_hq
from tfsr.telephony import audiosocket

RATE, PACKET, SECONDS = 8000, 160, 0.02
"""Hz, and samples of a message, and how long it lasts."""

REPLY = 643
"""Bytes of a message back: 20 ms at 16 kHz."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pid", type=int, help="of the server")
    arguments = parser.parse_args()
    before = _cpu_seconds(arguments.pid)
    begun = time.monotonic()
    calls = _all(arguments)
    lasted = time.monotonic() - begun
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{arguments.calls} calls for {arguments.seconds:g} s")
    print(f"sent late by {told([value for call in calls for value in call.late])}")
    if times := [value for call in calls for value in call.times]:
        print(f"from a message to its wide sound {told(times)}")
    if arguments.pid:
        share = (_cpu_seconds(arguments.pid) - before) / lasted
        frame = 10 * share / arguments.calls
        print(
            f"the server took {100 * share:.0f} % of a processor, {frame:.4f} ms a frame of 10 ms"
        )


def told(seconds: list[float]) -> str:
    """Of many times, how long they are."""
    values = 1000 * np.asarray(seconds)
    median, most = np.percentile(values, [50, 99])
    return f"{median:.2f} ms (median), {most:.2f} ms (99 %), {values.max():.2f} ms (longest)"


def _cpu_seconds(pid: int | None) -> float:
    """Of a process, in user and system mode; 0 without one."""
    if pid is None:
        return 0.0
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _packets(seconds: float) -> list[bytes]:
    data = speech(int(seconds * RATE) // PACKET * PACKET).reshape(-1, PACKET)
    return [audiosocket.message(audiosocket.AUDIO[RATE], row.tobytes()) for row in data]


def speech(samples: int) -> np.ndarray:
    """Twenty bundled recordings, again and again, as 16 bits."""
    folder = Path(str(resources.files("tfsr.data"))) / "bundled"
    sound = np.concatenate([read(path) for path in sorted(folder.glob("*.flac"))[:20]])
    return np.resize(sound * 32767, samples).astype("<i2")


def read(path: Path) -> np.ndarray:
    with AudioFile(path) as file:
        return soxr_hq(np.concatenate(list(file.blocks()))[:, 0], file.rate, RATE)


class _Call:
    """One call; it costs little, to leave the processor to the server."""

    def __init__(self, address: tuple[str, int], begin: float):
        self.due = begin
        self.sent: list[float] = []
        self.late: list[float] = []
        self.times: list[float] = []
        self._received = 0
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.socket.send(audiosocket.message(audiosocket.UUID, uuid.uuid4().bytes))

    def send(self, packet: bytes) -> None:
        """A message is sent whole, or this fails."""
        self.sent.append(time.monotonic())
        self.late.append(self.sent[-1] - self.due)
        self.due += SECONDS
        if self.socket.send(packet) < len(packet):
            raise BrokenPipeError("the server does not read")

    def receive(self) -> None:
        """A reply of 20 ms wants 10 ms of the message after its own."""
        data = self.socket.recv(1 << 16)
        now, before = time.monotonic(), self._received // REPLY
        self._received += len(data)
        for number in range(before, self._received // REPLY):
            self.times.append(now - self.sent[number + 1])


def _all(arguments: argparse.Namespace) -> list[_Call]:
    """The calls, after all has been sent and what comes back of it received."""
    packets = _packets(arguments.seconds)
    host, _, port = arguments.address.rpartition(":")
    begin = time.monotonic() + 1
    apart = SECONDS / arguments.calls
    calls = [_Call((host, int(port)), begin + apart * n) for n in range(arguments.calls)]
    listening = select.epoll()
    by_number = {call.socket.fileno(): call for call in calls}
    for number in by_number:
        listening.register(number, select.EPOLLIN)

    def receive(until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            for number, _ in listening.poll(left):
                by_number[number].receive()

    for packet in packets:
        for call in calls:
            receive(call.due)
            call.send(packet)
    receive(time.monotonic() + 0.5)
    for call in calls:
        call.socket.send(audiosocket.message(audiosocket.HANG_UP))
    return calls


if __name__ == "__main__":
    main()
