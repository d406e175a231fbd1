"""Files and folders that appear under their name only when they are complete.

What is not complete has a hidden name, and the system's lock on it while its process lives. A
process that was killed leaves it there; the next that writes the same name removes it.
"""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tfsr.errors import UserError
from tfsr.names import temporary

if sys.platform != "win32":
    import fcntl

_OLD = ".old"
_PART = re.compile(r"(\..+)\.\d+\.part(\.old)?")


@contextlib.contextmanager
def new_folder(path: str | os.PathLike) -> Iterator[Path]:
    """A folder beside `path` to write into; it becomes `path` at the end, or is removed.

    Raises:
        UserError: `path` is there already and is no empty folder, or it cannot be written.
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UserError(f"{path}: already there; remove it or choose another name")
    with _beside(path, Path.mkdir) as part:
        yield part
        os.replace(part, path)


@contextlib.contextmanager
def replaced_folder(path: str | os.PathLike) -> Iterator[Path]:
    """As `new_folder`, but an older folder `path` stays until the new one is whole, and then goes.

    Raises:
        UserError: it cannot be written.
    """
    path = Path(path)
    with _beside(path, Path.mkdir) as part:
        yield part
        old = part.with_name(f"{part.name}{_OLD}")
        if path.exists():
            os.replace(path, old)
        os.replace(part, path)
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def new_file(path: str | os.PathLike) -> Iterator[Path]:
    """A file beside `path` to write to; it becomes `path` at the end, or is removed.

    Raises:
        UserError: `path` is a folder, a device or a pipe, or it cannot be written.
    """
    path = Path(path)
    _require_no_folder(path)
    with _beside(path, _touch) as part:
        yield part
        os.replace(part, path)


def require_file(path: str | os.PathLike, suffixes: Sequence[str]) -> None:
    """Find out, before there is anything to write, whether a file can be written.

    Args:
        suffixes: of older files that it may replace, such as ".html"; none: of all files.

    Raises:
        UserError: what `new_file` says, or an older file has another suffix.
    """
    path = Path(path)
    _require_no_folder(path)
    if suffixes and path.is_file() and path.suffix.lower() not in suffixes:
        raise UserError(f"{path}: is there and is no {' or '.join(suffixes)}; give another name")
    folder = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not folder.is_dir():
        raise UserError(f"{path}: cannot be written, {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{path}: cannot be written, nor can anything in {folder}")


def _require_no_folder(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path}: is a folder; give a file name")
    if path.exists() and not path.is_file():  # a file in its place would be in everybody's way
        raise UserError(f"{path}: is a device or a pipe; give a file name")


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file; an older one of that name stays whole until the new one is.

    Raises:
        UserError: it cannot be written.
    """
    with new_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")  # the same bytes everywhere


@contextlib.contextmanager
def _beside(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    if path.name in ("", ".."):
        raise UserError(f"{path}: give the name of what is to be written, not of where")
    part = temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path, part)
        with _held(part, make):
            yield part
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


@contextlib.contextmanager
def _held(part: Path, make: Callable[[Path], None]) -> Iterator[None]:
    """Make it and lock it; at the end it goes, if it is still there."""
    make(part)
    try:
        with _locked(part, wait=True):
            if not part.exists():  # swept before it was locked
                make(part)
            yield
    finally:
        _remove(part)


def _touch(part: Path) -> None:
    part.touch(exist_ok=False)


def _sweep(path: Path, part: Path) -> None:
    """See to what killed processes have left of this name; others may be at work on theirs."""
    own = part.name.removesuffix(f".{os.getpid()}.part")
    # By names alone at first: a folder may have many files, and each write looks through it.
    for found in [found for found in os.listdir(path.parent) if found.startswith(own)]:
        name, left = _PART.fullmatch(found), path.with_name(found)
        if not name or name[1] != own:
            continue
        with contextlib.suppress(FileNotFoundError, PermissionError), _locked(left) as free:
            if free and name[2] and not path.exists():  # killed before the new one took its place
                os.replace(left, path)
            elif free:
                _remove(left)


@contextlib.contextmanager
def _locked(part: Path, wait: bool = False) -> Iterator[bool]:
    """Whether the lock is taken for this long; another has it, or there are none, if not.

    Some file systems have no locks. Windows has, but lets nobody rename what is open.
    """
    if sys.platform == "win32":
        yield False
        return
    file = os.open(part, os.O_RDONLY)
    try:
        yield _lock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    finally:
        os.close(file)


def _lock(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how)
    except OSError:
        return False
    return True


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
