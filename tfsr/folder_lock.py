"""A lock that lets only one program at a time write into a folder."""

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
"""Name of an empty file in the folder; the lock is on it."""

_log = logging.getLogger("tfsr")


@contextlib.contextmanager
def folder_lock(folder: Path, work: str) -> Iterator[None]:
    """Keep other processes from the same work in a folder. The folder is made if missing.

    The system frees the lock when the process ends, for whatever reason. On Windows nothing is
    locked.

    Args:
        work: the work done there, for the message, such as "training".

    Raises:
        UserError: another process works there, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a")
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder"
        ) from error
    with file:
        if sys.platform != "win32":
            _lock(file, folder, work)
        yield


def _lock(file: TextIO, folder: Path, work: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(
            f"{folder}: another {work} is at work there; wait for its end, or choose another folder"
        ) from error
    except OSError as error:  # some file systems have no locks
        text = "%s cannot be locked (%s): see that there is no other %s in it"
        _log.warning(text, folder, error.strerror, work)
