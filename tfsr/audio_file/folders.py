"""Find the recordings in a folder, by their names."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from tfsr.audio_file.headerless import SUFFIXES
from tfsr.errors import UserError

# What is written too, and the container in which it is.
WRITTEN = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".m4a": "MP4",
    ".mp4": "MP4",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".caf": "CAF",
    ".w64": "W64",
}

_READ = (
    *(".wave", ".bwf", ".rf64", ".aifc", ".snd", ".voc", ".sph", ".nist", ".spx", ".mp2", ".m4b"),
    *(".m4r", ".aac", ".3gp", ".3g2", ".3gpp", ".amr", ".awb", ".webm", ".weba", ".mka", ".mkv"),
    *(".mov", ".wma", ".asf", ".ac3", ".ape", ".wv", ".tta", ".dss", ".qcp", ".ra", ".rm", ".flv"),
    *(".avi", ".mpg", ".mpeg", ".ts"),
)
EXTENSIONS = (*WRITTEN, *_READ, *SUFFIXES)


class Left(NamedTuple):
    """A file or folder that is not read, and the reason.

    Attributes:
        unreadable: whether it is a folder whose content cannot be listed.
    """

    path: Path
    reason: str
    unreadable: bool = False


def find(folder: str | os.PathLike) -> list[Path]:
    """The recordings that `search` finds.

    Raises:
        UserError: the folder does not exist, or it or one in it cannot be read.
    """
    found, left = search(folder)
    for path, reason, unreadable in left:
        if unreadable:
            raise UserError(f"{path}: {reason}; change its permissions or move it away")
    return found


def search(folder: str | os.PathLike, recursive: bool = True) -> tuple[list[Path], list[Left]]:
    """All audio files in a folder and, unless told otherwise, its sub-folders, sorted.

    Extensions tell audio files. Hidden files and folders are ignored.

    Returns:
        The recordings, and the other files.

    Raises:
        UserError: the folder does not exist, or cannot be read.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise UserError(f"{folder}: no such folder")
    found: list[Path] = []
    left: list[Left] = []
    around = [_identity(one) for one in Path(os.path.realpath(folder)).parents]
    _walk(folder, around, recursive, found, left)
    if left and left[0].path == folder:
        raise UserError(f"{folder}: {left[0].reason}")
    return sorted(found), sorted(left)


def _walk(
    folder: Path, around: list[tuple], recursive: bool, found: list[Path], left: list[Left]
) -> None:
    try:
        names = sorted(os.listdir(folder))
        # With the right to list alone, there is nothing to be known but names.
        around = [*around, _identity(os.path.join(folder, os.curdir))]
    except OSError as error:
        left.append(Left(folder, f"cannot be read ({error.strerror})", unreadable=True))
        return
    for path in (folder / name for name in names if not name.startswith(".")):
        if not os.path.isdir(path):
            reason = _no_recording(path)
            left.append(Left(path, reason)) if reason else found.append(path)
        elif os.path.islink(path) and _identity(path) in around:
            left.append(Left(path, "is a link to a folder that it lies in"))
        elif recursive:
            _walk(path, around, recursive, found, left)


def _identity(folder: str | os.PathLike) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _no_recording(path: Path) -> str | None:
    """The reason why a file is not taken for a recording."""
    if path.suffix.lower() not in EXTENSIONS:
        return "has no audio file's extension"
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return "is a link to nothing"
    return None if regular else "is no regular file"
