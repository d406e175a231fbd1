"""A server for the calls of a telephone exchange, see `tfsr.telephony.audiosocket`."""

import asyncio
import dataclasses
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfsr.backend import Streams
from tfsr.errors import UserError
from tfsr.inference.live import Pace
from tfsr.inference.many import Many
from tfsr.names import shown
from tfsr.telephony import audiosocket
from tfsr.telephony.call import Call, Ended

# Seconds that frames wait for those of other calls: together they take a third of the time.
_GATHERED = 0.004

# Seconds of sound that may wait; a client that sends faster is read no further.
_BEHIND = 2.0

# Seconds for the UUID to come.
_FOR_UUID = 5.0

# Bytes that a client may leave unread before it gets no more: two seconds of replies.
_UNREAD = 1 << 16

# Files that are open besides those of calls, which have a socket and a recording each.
_OTHER_FILES = 64


@dataclasses.dataclass(frozen=True)
class Settings:
    """How calls are handled.

    Attributes:
        folder: of their recordings; None: there are none.
        reply: whether wideband sound is sent back.
        calls: largest number of calls at once; more are refused.
        timeout: a call ends after this many seconds without data.
    """

    folder: str | None
    reply: bool
    calls: int
    timeout: float


def serve(backend: Streams, address: str, settings: Settings) -> None:
    """Answer calls until SIGINT, SIGTERM or SIGHUP, then complete all recordings.

    Args:
        address: HOST:PORT, or [HOST]:PORT.

    Raises:
        UserError: the address cannot be used, the folder cannot be written, or too few open files
            are allowed. SystemExit with 128 plus the number of the signal that ended it.
    """
    host, port = _address(address)
    for rate in {backend.input_rate} | ({backend.output_rate} if settings.reply else set()):
        if rate not in audiosocket.AUDIO:
            raise UserError(f"`audiosocket`: there is no kind of message for {rate} Hz")
    _allow_files(_OTHER_FILES + 2 * settings.calls)
    if settings.folder:
        _require_folder(settings.folder)
    number = asyncio.run(_serve(Switchboard(backend, settings), host, port))
    sys.exit(128 + number)


def _require_folder(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError as error:
        raise UserError(f"`write` {folder}: is a file; give a folder") from error
    except OSError as error:
        reason = f"nothing can be written there ({error.strerror})"
        raise UserError(f"`write` {folder}: {reason}; give another folder") from error


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UserError(f"`audiosocket` {text}: give HOST:PORT, such as 127.0.0.1:9092")
    return host.strip("[]"), int(port)


def _allow_files(number: int) -> None:
    """Raise the process's own limit of open files, if that is needed and allowed."""
    try:
        import resource
    except ImportError:  # on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and number > hard:
        raise UserError(f"`calls`: {number} open files are needed, {hard} are allowed (ulimit -n)")
    if number > soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


async def _serve(board: "Switchboard", host: str, port: int) -> int:
    """Until a signal comes, whose number is given."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if not ended.done():
            ended.set_result(number)

    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(number, end, number)
    place = f"[{host}]" if ":" in host else host
    try:
        server = await loop.create_server(lambda: _Connection(board), host, port, backlog=1024)
    except (OSError, UnicodeError) as error:  # no name of a computer can be coded so
        raise UserError(
            f"`audiosocket` {place}:{port}: nobody can listen there ({_reason(error)}); give an "
            "address of this computer, and a port from 1024 on that is free"
        ) from error
    actual = server.sockets[0].getsockname()[1]
    tell(f"live: waits for calls at {place}:{actual}, {board.settings.calls} at once")
    board.watch()
    by = await ended
    server.close()
    board.stop()
    return by


def _reason(error: OSError | UnicodeError) -> str:
    """The reason in a few words; asyncio's own texts repeat the address."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else str(error)


def tell(text: str) -> None:
    """Print. If nobody reads it, stop printing: a lost log must cost no recording."""
    try:
        print(shown(text), flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Switchboard:
    """All present calls, whose frames are widened together."""

    def __init__(self, backend: Streams, settings: Settings):
        self.settings = settings
        self._backend = backend
        self._many = Many(backend, settings.calls)
        self._folder = Path(settings.folder) if settings.folder else None
        self._calls: dict[Call, _Connection] = {}
        self._pace = Pace(1000 * backend.hop / backend.input_rate)
        self._planned = False
        self._answered = self._refused = 0

    def answer(self, connection: "_Connection", reply: Callable[[bytes], None]) -> Call | None:
        """A new call; None if there are too many."""
        if self._many.full:
            self._refused += 1
            if self._refused == 1:
                tell(f"live: a call is refused, {self.settings.calls} are all (--calls)")
            return None
        self._answered += 1
        how = self._folder, reply if self.settings.reply else None
        call = Call(self._backend, self._many.begin(), *how, now=_now())
        self._calls[call] = connection
        return call

    def plan(self) -> None:
        """Schedule the next widening."""
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(_GATHERED, self._go_on)

    def _go_on(self) -> None:
        """Widen a frame of every call that has one; calls with more frames get another turn."""
        self._planned = False
        if self.widen():
            self._planned = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def widen(self) -> bool:
        """Widen a frame of every call that has one; tells whether there was any."""
        ready = [call for call in self._calls if call.ready]
        if ready:
            hops, came = zip(*(call.next() for call in ready), strict=True)
            made = self._many.step([call.place for call in ready], np.concatenate(hops))
            for call, high, since in zip(ready, made, came, strict=True):
                self._give(call, high)
                self._pace.note(_now() - since)
        for call in [call for call in self._calls if call.reason and not call.ready]:
            self._forget(call)
        return bool(ready)

    def _give(self, call: Call, high: np.ndarray) -> None:
        try:
            call.give(high)
        except UserError as error:  # of this call alone: the others go on
            tell(f"tfsr: {error}")
            self._drop(call)
            return
        connection = self._calls[call]
        if connection.paused and call.behind < _BEHIND / 2:
            connection.resume()

    def _forget(self, call: Call) -> None:
        try:
            call.close()
            what = call.path or ("no recording" if call.seconds else "no sound")
            unread = self._calls[call].unread
            more = f"; {unread} bytes of --reply were not read" if unread else ""
            tell(f"{call.name or 'a call'}: {call.seconds:.1f} s, {call.reason}; {what}{more}")
        except UserError as error:
            tell(f"tfsr: {error}")
        self._drop(call)

    def _drop(self, call: Call) -> None:
        self._many.end(call.place)
        self._calls.pop(call).close()

    def watch(self) -> None:
        """Start ending calls that send nothing."""
        now, timeout = _now(), self.settings.timeout
        for call in [call for call in self._calls if call.reason is None]:
            if now - call.heard_at > timeout:
                self._calls[call].end(f"nothing came for {timeout:g} s")
            elif not call.name and now - call.began_at > _FOR_UUID:
                self._calls[call].end("no UUID came")
        asyncio.get_running_loop().call_later(min(timeout / 4, 1), self.watch)

    def stop(self) -> None:
        """End all calls, complete their recordings and report the result."""
        for call, connection in list(self._calls.items()):
            if call.reason is None:
                connection.end("the server stops")
        while self.widen():
            pass
        tell(f"live: {self._answered} calls, {self._refused} refused; {self._pace}")


def _now() -> float:
    return asyncio.get_running_loop().time()


class _Connection(asyncio.Protocol):
    """The connection of one call."""

    def __init__(self, board: Switchboard):
        self._board = board
        self._call: Call | None = None
        self.paused = False
        self.unread = 0  # bytes that were not sent, as nobody read what was

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._call = self._board.answer(self, self._reply)
        if self._call is None:
            transport.write(audiosocket.message(audiosocket.HANG_UP))
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._call is None or self._call.reason is not None:
            return
        try:
            self._call.take(data, _now())
        except Ended as ended:
            self.end(str(ended))
            return
        if self._call.ready:
            self._board.plan()
        if self._call.behind > _BEHIND:
            self.paused = True
            self._call.interrupted()
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self._call is not None:
            self.end("the connection broke" if error else "the connection was closed")

    def resume(self) -> None:
        """Resume reading."""
        self.paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def end(self, reason: str) -> None:
        """End the call; the rest of its sound is still widened."""
        assert self._call is not None
        self._call.end(reason, _now())
        self._board.plan()
        self.close()

    def close(self) -> None:
        self._transport.close()

    def _reply(self, data: bytes) -> None:
        """Send bytes, unless the client does not read them."""
        if self._transport.get_write_buffer_size() < _UNREAD:
            self._transport.write(data)
        else:
            self.unread += len(data)
