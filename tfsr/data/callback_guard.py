"""Python functions that TensorFlow's threads call, and the end of the program."""

import atexit
import functools
import threading
import time
from collections.abc import Callable

# A call is over some time after its Python function is: TensorFlow copies the result.
_QUIET_SECONDS = 0.1


class CallbackGuard:
    """Ends the calls from TensorFlow's threads before Python is taken down.

    Python kills threads that want to enter it while it is taken down, TensorFlow waits for
    theirs, and so a program that ends (by an error, say) with a tf.data iterator still at work
    would hang. After `close`, calls fail at once; the iterator's buffers fill with the failures,
    and it rests.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._closed = False
        self._running = 0
        self._last = 0.0

    def guard(self, function: Callable) -> Callable:
        """`function`, failing after `close`."""

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
        """Let no call in any more, and wait until none has come for a while."""
        self._closed = True
        while self._running or time.monotonic() - self._last < _QUIET_SECONDS:
            time.sleep(_QUIET_SECONDS / 10)


CALLBACKS = CallbackGuard()
atexit.register(CALLBACKS.close)
