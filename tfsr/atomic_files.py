"""Files and folders that appear under their name only when they are complete."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfsr.errors import UserError
from tfsr.names import temporary


@contextlib.contextmanager
def new_folder(path: str | os.PathLike) -> Iterator[Path]:
    """A folder beside `path` to write into; it becomes `path` at the end, or is removed.

    Raises:
        UserError: `path` is there already and is no empty folder, or it cannot be written.
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UserError(f"{path}: already there; remove it or choose another name")
    with _beside(path) as part:
        part.mkdir()
        yield part
        os.replace(part, path)


@contextlib.contextmanager
def replaced_folder(path: str | os.PathLike) -> Iterator[Path]:
    """As `new_folder`, but an older folder `path` stays until the new one is whole, and then goes.

    Raises:
        UserError: it cannot be written.
    """
    path = Path(path)
    with _beside(path) as part:
        part.mkdir()
        yield part
        old = part.with_name(f"{part.name}.old")
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
    if path.is_dir():
        raise UserError(f"{path}: is a folder; give a file name")
    if path.exists() and not path.is_file():  # a file in its place would be in everybody's way
        raise UserError(f"{path}: is a device or a pipe; give a file name")
    with _beside(path) as part:
        yield part
        os.replace(part, path)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file; an older one of that name stays whole until the new one is.

    Raises:
        UserError: it cannot be written.
    """
    with new_file(path) as part:
        part.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    part = temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        elif part.exists():
            part.unlink()
