"""Python functions that TensorFlow's threads call, and how they end with the program."""

import atexit
import functools
import threading
import time
from collections.abc import Callable

# A call is over some time after its Python function is: TensorFlow copies the result.
_QUIET_SECONDS = 0.1


class CallbackGuard:
    """Ends the calls from TensorFlow's threads before Python shuts down.

    During its shutdown, Python kills threads that want to enter it. TensorFlow waits for its own
    threads. So a program that ends, by an error say, would hang if a tf.data iterator still works.
    After `close`, calls fail at once. The iterator's buffers fill with the failures, and it stops.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._closed = False
        self._running = 0
        self._last = 0.0

    def guard(self, function: Callable) -> Callable:
        """`function`, which fails after `close`."""

        @functools.wraps(function)
        def guarded(*arguments):
            with self._lock:
                self._running += 1
            try:
                if self._closed:
                    raise StopIteration
                return function(*arguments)
            finally:
                with self._lock:
                    self._running -= 1
                    self._last = time.monotonic()

        return guarded

    def close(self) -> None:
        """Refuse new calls, and wait until none has come for a while."""
        self._closed = True
        while self._running or time.monotonic() - self._last < _QUIET_SECONDS:
            time.sleep(_QUIET_SECONDS / 10)


CALLBACKS = CallbackGuard()
atexit.register(CALLBACKS.close)
