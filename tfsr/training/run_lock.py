"""One training at a time in a run directory."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tfsr.errors import UserError

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"
"""An empty file in a run directory."""

_log = logging.getLogger("tfsr")


@contextlib.contextmanager
def run_lock(run_dir: Path) -> Iterator[None]:
    """Keep others from training in a run directory, which is made if it is not there.

    The system frees the lock when the process ends, however that happens. On Windows nothing is
    locked.

    Raises:
        UserError: another process trains there, or the directory cannot be written.
    """
    path = run_dir / LOCK
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise UserError(
            f"{run_dir}: cannot be written ({error.strerror}); give another --run_dir"
        ) from error
    with file:
        if sys.platform != "win32":
            _lock(file, run_dir)
        yield


def _lock(file: TextIO, run_dir: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(
            f"{run_dir}: another training is at work there; wait for its end, or give another "
            "--run_dir"
        ) from error
    except OSError as error:  # some file systems have no locks
        _log.warning(
            "%s cannot be locked (%s): see that nothing else trains there", run_dir, error.strerror
        )
