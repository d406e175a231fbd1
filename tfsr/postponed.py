"""Ctrl-C and SIGTERM that wait until what has begun is whole."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Signals:
    """Those that have come; each then does what it would have done at once, but later.

    Args:
        all_wait: a second one waits too; else it makes the first happen at once.
    """

    def __init__(self, all_wait: bool) -> None:
        self._all_wait = all_wait
        self._before: dict[int, Any] = {}
        self._first: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether one has come."""
        return self._first is not None

    def wait(self) -> None:
        """From now on they wait."""
        for number in signal.SIGINT, signal.SIGTERM:
            # Programs in the background ignore them; a handler that is none of Python's stays.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._come)

    def wait_no_more(self) -> None:
        """The handlers of before are back; what waits is forgotten."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def deliver(self) -> None:
        """Let what waits happen."""
        self.wait_no_more()
        if self._first is not None:
            signal.raise_signal(self._first)

    def _come(self, number: int, _: object) -> None:
        if self.waiting and not self._all_wait:
            self.deliver()
        self._first = number


@contextlib.contextmanager
def postponed(wanted: bool, all_wait: bool = False) -> Iterator[Signals]:
    """Within it they wait, if that is `wanted`; Python has signals in its main thread alone."""
    signals = Signals(all_wait)
    if wanted and threading.current_thread() is threading.main_thread():
        signals.wait()
    try:
        yield signals
    finally:
        signals.wait_no_more()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """They come when it is over: what they raise within a call by C, Python prints and forgets."""
    with postponed(wanted=True, all_wait=True) as signals:
        try:
            yield
        finally:
            signals.deliver()
