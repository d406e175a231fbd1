"""Find recordings in local folders and in buckets, and choose the names of their outputs."""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from tfsr.audio_file import EXTENSIONS
from tfsr.cluster import beam
from tfsr.errors import UserError
from tfsr.inference.output_paths import MARK, Naming

_PATTERN = re.compile(r"[*?\[]")
_LOCAL_URL = "file://"


class Found(NamedTuple):
    """A recording that was found.

    Attributes:
        source: its location, see `tfsr.cluster.beam`.
        below: its path below the folder that is mirrored.
    """

    source: str
    below: Path


class Left(NamedTuple):
    """A file that is not read, and the reason."""

    path: str
    reason: str


class Job(NamedTuple):
    """A recording to process.

    Attributes:
        number: its place among all of them.
        source: its location.
        target: the path of its output below the folder of outputs, with "/" between folders.
    """

    number: int
    source: str
    target: str


def location(name: str) -> str:
    """The location that a user's name stands for.

    Raises:
        UserError: Beam has no such file system.
    """
    if name.startswith(_LOCAL_URL):
        name = unquote(name.removeprefix(_LOCAL_URL))
    if beam.is_remote(name):
        beam.require_file_system(name)
        return name.rstrip("/")
    return os.path.abspath(name)


def output(name: str) -> str:
    """The location of the folder of outputs that a user names.

    Raises:
        UserError: Beam has no such file system, or would take the name for a pattern.
    """
    place = location(name)
    if beam.is_remote(place) and _PATTERN.search(place):
        raise UserError(f"-o {name}: has a wildcard in its name; give another folder")
    return place


def find(names: Sequence[str], out: str, recursive: bool = True) -> tuple[list[Found], list[Left]]:
    """The recordings of files, folders and patterns, local or remote.

    Folders are searched as `tfsr upsample` does. A pattern is mirrored from its last folder
    without a wildcard.

    Args:
        out: location of the outputs. What is in it, inside an input, is no input.

    Returns:
        The recordings, and other files beside them.

    Raises:
        UserError: an input is missing, or has no audio files.
    """
    found: list[Found] = []
    left: list[Left] = []
    for name in names:
        place = location(name)
        is_pattern = _PATTERN.search(place) and not os.path.exists(place)
        if is_pattern or beam.is_remote(place):
            some, others = _matched(name, place, out, recursive)
        else:
            some, others = _local(place, out, recursive)
        found += some
        left += others
    return found, left


def listed(file: str) -> list[Found]:
    """The recordings that a text file names, one in each line.

    They are mirrored from the folder that all of them share.

    Raises:
        UserError: the file cannot be read, is empty, or its recordings share no folder.
    """
    lines = beam.read_text(location(file)).splitlines()
    places = [location(line.strip()) for line in lines if line.strip()]
    if not places:
        raise UserError(f"--list {file}: names no recordings")
    if len({beam.is_remote(place) and place.split("/")[2] for place in places}) > 1:
        raise UserError(f"--list {file}: its recordings share no folder; make a list of each")
    split = [place.split("/") for place in places]
    shared = len(os.path.commonprefix([parts[:-1] for parts in split]))
    return [Found(place, Path(*parts[shared:])) for place, parts in zip(places, split, strict=True)]


def jobs(found: Sequence[Found], out: str, extension: str | None = None) -> list[Job]:
    """A job for each recording, whose output is named as `tfsr upsample` names it.

    Args:
        out: location of the folder of outputs.
        extension: of all outputs, such as ".flac"; None: that of each input.

    Raises:
        UserError: an output would overwrite an input or another output, or lie outside of `out`.
    """
    for source, below in found:
        if ".." in below.parts:
            raise UserError(f"{source}: has a folder named .., which outputs cannot have")
    root = Path()
    named = Naming(root, extension).jobs([(below, root) for _, below in found])
    sources = {one.source for one in found}
    makers: dict[str, str] = {}
    made = []
    for number, ((source, _), job) in enumerate(zip(found, named, strict=True)):
        target = job.target.as_posix()
        if beam.join(out, target) in sources:
            raise UserError(
                f"{beam.join(out, target)}: is an input and would be overwritten; choose another -o"
            )
        if target in makers:
            raise UserError(
                f"{makers[target]} and {source} would both become {beam.join(out, target)}: "
                "process them one after the other, into two folders"
            )
        makers[target] = source
        made.append(Job(number, source, target))
    return made


def _local(place: str, out: str, recursive: bool) -> tuple[list[Found], list[Left]]:
    paths, folder, others = Naming(Path(out), None).found(Path(place), recursive)
    for one in others:
        if one.unreadable:
            raise UserError(f"{one.path}: {one.reason}; change its permissions or move it away")
    found = [Found(str(path), path.relative_to(folder)) for path in paths]
    return found, [Left(str(one.path), one.reason) for one in others]


def _matched(name: str, place: str, out: str, recursive: bool) -> tuple[list[Found], list[Left]]:
    """The recordings of a pattern, or of a remote folder or file."""
    if wild := _PATTERN.search(place):
        root = place[: place.rindex("/", 0, wild.start())]
        files = beam.match(place)
    else:
        root = place
        files = beam.match(f"{place}/**")
        if not files and beam.match(place):
            return [Found(place, Path(PurePosixPath(place).name))], []
        files = [file for file in files if recursive or "/" not in file[len(root) + 1 :]]
    is_inside = out.startswith(f"{root}/")
    found: list[Found] = []
    left: list[Left] = []
    for file in files:
        below = PurePosixPath(file[len(root) + 1 :])
        if any(part.startswith(".") for part in below.parts):
            continue
        if below.suffix.lower() not in EXTENSIONS:
            left.append(Left(file, "has no audio file's extension"))
        elif below.stem.endswith(MARK) or (is_inside and file.startswith(f"{out}/")):
            left.append(Left(file, "was written before"))
        else:
            found.append(Found(file, Path(below)))
    if not found:
        raise UserError(f"{name}: no audio files there")
    return found, left
