"""Ctrl-C and SIGTERM that wait until a training has saved what it has."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Signals:
    """Those that have come; each then does what it would have done at once, but later."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._first: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether one has come."""
        return self._first is not None

    def wait(self) -> None:
        """From now on they wait, until a second one comes."""
        for number in signal.SIGINT, signal.SIGTERM:
            if signal.getsignal(number) != signal.SIG_IGN:  # as of programs in the background
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
        if self.waiting:
            self.deliver()
        self._first = number


@contextlib.contextmanager
def postponed(wanted: bool) -> Iterator[Signals]:
    """Within it they wait, if that is `wanted`; Python has signals in its main thread alone."""
    signals = Signals()
    if wanted and threading.current_thread() is threading.main_thread():
        signals.wait()
    try:
        yield signals
    finally:
        signals.wait_no_more()
