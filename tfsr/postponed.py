"""Postpone Ctrl-C, SIGTERM and SIGHUP until the current work is complete."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Signals that end a command. SIGHUP, which Windows lacks, comes when a terminal is closed."""


class Signals:
    """Signals that have arrived. Each later does what it would have done at once.

    Args:
        all_wait: whether a second signal is postponed too; else it delivers the first at once.
    """

    def __init__(self, all_wait: bool) -> None:
        self._all_wait = all_wait
        self._before: dict[int, Any] = {}
        self._first: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether a signal has arrived."""
        return self._first is not None

    def wait(self) -> None:
        """Postpone signals from now on. Python has signals in its main thread only."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for number in ENDING:
            # Programs in the background ignore them; a handler that is none of Python's stays.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._come)

    def wait_no_more(self) -> None:
        """Restore the earlier handlers; postponed signals are forgotten."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def deliver(self) -> None:
        """Deliver the postponed signals."""
        self.wait_no_more()
        if self._first is not None:
            signal.raise_signal(self._first)

    def _come(self, number: int, _: object) -> None:
        if self.waiting and not self._all_wait:
            self.deliver()
        self._first = number


@contextlib.contextmanager
def postponed(wanted: bool, all_wait: bool = False) -> Iterator[Signals]:
    """Postpone signals within it, if `wanted`."""
    signals = Signals(all_wait)
    if wanted:
        signals.wait()
    try:
        yield signals
    finally:
        signals.wait_no_more()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Postpone signals to its end. Python prints and loses an exception raised in a C callback."""
    with postponed(wanted=True, all_wait=True) as signals:
        try:
            yield
        finally:
            signals.deliver()
