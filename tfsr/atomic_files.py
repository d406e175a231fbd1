"""Files and folders that appear under their name only when they are complete.

An incomplete file has a hidden name. The process that writes it holds a lock on it. If the process
is killed, the hidden file stays; the next process that writes the same name removes it.
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
    """A folder beside `path` to write into. At the end it is renamed to `path`, or removed.

    Raises:
        UserError: `path` exists and is not an empty folder, or it cannot be written.
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UserError(f"{path}: already there; remove it or choose another name")
    with _beside(path, Path.mkdir) as part:
        yield part
        os.replace(part, path)


@contextlib.contextmanager
def replaced_folder(path: str | os.PathLike) -> Iterator[Path]:
    """As `new_folder`, but an older folder `path` is kept until the new one is complete.

    Raises:
        UserError: the folder cannot be written.
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
    """A file beside `path` to write to. At the end it is renamed to `path`, or removed.

    Raises:
        UserError: `path` is a folder, a device or a pipe, or it cannot be written.
    """
    path = Path(path)
    _require_no_folder(path)
    with _beside(path, _touch) as part:
        yield part
        os.replace(part, path)


def require_file(path: str | os.PathLike, suffixes: Sequence[str]) -> None:
    """Check in advance that a file can be written.

    Args:
        suffixes: suffixes of older files that it may replace, such as ".html"; none: any file.

    Raises:
        UserError: as for `new_file`, or an older file has another suffix.
    """
    path = Path(path)
    _require_no_folder(path)
    if suffixes and path.is_file() and path.suffix.lower() not in suffixes:
        raise UserError(f"{path}: exists and is no {' or '.join(suffixes)} file; give another name")
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
    """Write a text file. An older file of that name is kept until the new one is complete.

    Raises:
        UserError: the file cannot be written.
    """
    with new_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")  # the same bytes everywhere


@contextlib.contextmanager
def _beside(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    if path.name in ("", ".."):
        raise UserError(f"{path}: give the name of the file or folder to write")
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
    """Make the hidden file or folder and lock it. At the end it is removed if it still exists."""
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
    """Remove what killed processes left under this name. Other processes may hold their own."""
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
    """Lock a file, and tell whether that worked: not if another process holds it.

    Some file systems have no locks. Windows has locks, but does not let an open file be renamed.
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
