"""Apache Beam: its runners, and files in any of its file systems.

A location is the absolute path of a local file, or a URL such as gs://bucket/a.wav.
"""

import contextlib
import functools
import io
import os
import posixpath
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import apache_beam
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import create_runner
from apache_beam.utils.shared import Shared

from tfsr import atomic_files
from tfsr.errors import UserError

# To these names Beam gives another meaning, or none: its DirectRunner first tries to fetch a
# program from GitHub to run the job with.
_NAMES = {
    "DirectRunner": "apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "DaskRunner": "apache_beam.runners.dask.dask_runner.DaskRunner",
}

# Dask makes tasks of many elements, and one task would be all that a small job has.
_DASK = {"DaskRunner": ["--dask_partition_size=1"]}
_DASK_PARTITIONS = ("--dask_partition_size", "--dask_npartitions")

# Scheme -> the extra of apache-beam, or the package, that reads it.
_INSTALLED_BY = {
    **{"gs": "apache-beam[gcp]", "s3": "apache-beam[aws]", "hdfs": "hdfs"},
    "azfs": "apache-beam[azure]",
}


class Work(Protocol):
    """A job for a cluster. It is pickled, and each worker gets a copy."""

    def elements(self, part: Any) -> Iterable[Any]:
        """The elements of a part of the job."""

    def start(self) -> Any:
        """What a worker's process makes once, such as a model."""

    def process(self, element: Any, shared: Any) -> tuple[int, Any]:
        """The group of an element, and what is made of it. `shared` is what `start` returned."""

    def collect(self, group: int, made: Sequence[Any]) -> None:
        """Process all that was made for a group. An element may be there twice."""


class Cluster:
    """What runs a job.

    Args:
        runner: Beam's name for it, such as "DirectRunner".
        options: arguments for it, such as "--direct_num_workers=2".

    Raises:
        UserError: there is no such runner, or an option has a wrong value.
    """

    def __init__(self, runner: str, options: Sequence[str] = ()):
        given = any(one.startswith(_DASK_PARTITIONS) for one in options)
        more = [] if given else _DASK.get(runner, [])
        try:
            made = create_runner(_NAMES.get(runner, runner))
            # A runner brings options of its own, so they are read after it is made.
            self._pipeline = apache_beam.Pipeline(made, _options([*options, *more]))
        except (ValueError, ImportError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"--runner {runner}: Beam cannot make it ({reason})") from error

    def run(self, work: Work, parts: Sequence[Any]) -> None:
        """Run a job to its end, once.

        Args:
            parts: arguments of `work.elements`, small ones, for all of them travel with the job.
        """
        # One chain: Dask runs what leads to the last step alone.
        (
            self._pipeline
            | "Parts" >> apache_beam.Create(list(parts))
            | "Elements" >> apache_beam.FlatMap(work.elements)
            | "Spread" >> apache_beam.Reshuffle()
            | "Process" >> apache_beam.ParDo(_Process(work))
            | "Group" >> apache_beam.GroupByKey()
            | "Collect" >> apache_beam.MapTuple(lambda group, made: work.collect(group, list(made)))
        )
        self._pipeline.run().wait_until_finish()


class _Process(apache_beam.DoFn):
    """One element, with what all threads of the worker's process share."""

    def __init__(self, work: Work):
        self._work = work
        self._shared = Shared()

    def setup(self) -> None:
        self._made = self._shared.acquire(self._work.start)

    def process(self, element: Any) -> Iterator[tuple[int, Any]]:
        yield self._work.process(element, self._made)


def _options(given: Sequence[str]) -> PipelineOptions:
    """Options of a pipeline. Of those that it does not know, Beam warns; a runner may know them.

    Raises:
        UserError: one has a wrong value.
    """
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            options = PipelineOptions(list(given))
            options.get_all_options()
    except SystemExit as error:  # after pages about all options there are
        reason = told.getvalue().strip().splitlines()[-1].partition("error: ")[2]
        raise UserError(f"--runner_option: {reason}") from error
    return options


def is_remote(location: str) -> bool:
    return FileSystems.get_scheme(location) is not None


def require_file_system(location: str) -> None:
    """Check that Beam can read and write there.

    Raises:
        UserError: it cannot, and what has to be installed.
    """
    try:
        FileSystems.get_filesystem(location)
    except ValueError as error:
        scheme = FileSystems.get_scheme(location)
        how = f"pip install '{_INSTALLED_BY[scheme]}'" if scheme in _INSTALLED_BY else "copy it"
        raise UserError(f"{location}: Beam cannot read {scheme}:// here: {how}") from error


def join(folder: str, *names: str) -> str:
    """A location below a folder. Names have "/" between folders."""
    return posixpath.join(folder, *names) if is_remote(folder) else os.path.join(folder, *names)


def match(pattern: str) -> list[str]:
    """The files that match a pattern, sorted. * stays within a folder, ** does not.

    Raises:
        UserError: it cannot be listed.
    """
    require_file_system(pattern)
    try:
        (result,) = FileSystems.match([pattern])
    except (BeamIOError, OSError) as error:
        raise UserError(f"{pattern}: cannot be listed ({_reason(error)})") from error
    return sorted(one.path for one in result.metadata_list)


def names(folder: str) -> list[str]:
    """The names of the files in a folder, sorted; of a local one, of folders in it too.

    Raises:
        UserError: it cannot be listed.
    """
    if is_remote(folder):
        return [posixpath.basename(one) for one in match(f"{folder}/*")]
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({error.strerror})") from error


def exists(location: str) -> bool:
    return FileSystems.exists(location)


@contextlib.contextmanager
def as_local(location: str) -> Iterator[Path]:
    """The file as a local one with the same name: itself, or a copy for this time.

    Raises:
        UserError: it cannot be copied.
    """
    if not is_remote(location):
        yield Path(location)
        return
    with tempfile.TemporaryDirectory(prefix="tfsr-") as folder:
        path = Path(folder, posixpath.basename(location))
        try:
            with _open(location) as source, open(path, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        except (BeamIOError, OSError) as error:
            raise UserError(f"{location}: cannot be read ({_reason(error)})") from error
        yield path


@contextlib.contextmanager
def staged(location: str, parts: str) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A local path to write, and a function that makes it appear at `location` as a whole.

    Args:
        parts: the folder for incomplete files, in the file system of `location`.

    Raises:
        UserError: it cannot be written.
    """
    try:
        if is_remote(location):
            with tempfile.TemporaryDirectory(prefix="tfsr-") as folder:
                path = Path(folder, posixpath.basename(location))
                yield path, lambda: _upload(path, location, parts)
        else:
            os.makedirs(parts, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=parts) as folder:
                path = Path(folder, os.path.basename(location))
                yield path, lambda: _move(path, location)
    except (BeamIOError, OSError) as error:
        raise UserError(f"{location}: cannot be written ({_reason(error)})") from error


def _move(path: Path, location: str) -> None:
    os.makedirs(os.path.dirname(location), exist_ok=True)
    os.replace(path, location)


def _upload(path: Path, location: str, parts: str) -> None:
    # A name of its own: two workers may try the same at once.
    part = join(parts, uuid.uuid4().hex)
    _make_folder(parts)
    with open(path, "rb") as file, _create(part) as target:
        shutil.copyfileobj(file, target, 1 << 20)
    _make_folder(posixpath.dirname(location))
    # Not every file system renames to a name that is taken.
    if exists(location):
        FileSystems.delete([location])
    FileSystems.rename([part], [location])


# Otherwise Beam decompresses what is named so.
_open = functools.partial(FileSystems.open, compression_type=CompressionTypes.UNCOMPRESSED)
_create = functools.partial(FileSystems.create, compression_type=CompressionTypes.UNCOMPRESSED)


def _make_folder(folder: str) -> None:
    """Make a remote folder, where there are such, unless another worker has just made it."""
    if FileSystems.get_filesystem(folder).has_dirs() and not exists(folder):
        try:
            FileSystems.mkdirs(folder)
        except (BeamIOError, OSError):
            if not exists(folder):
                raise


def read_text(location: str) -> str:
    """The content of a text file in UTF-8. Names of files in it may be any bytes.

    Raises:
        UserError: it cannot be read.
    """
    with as_local(location) as path:
        try:
            return path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise UserError(f"{location}: cannot be read ({error.strerror})") from error


def write_text(location: str, text: str, parts: str) -> None:
    """Write a text file, whole or not at all.

    Args:
        parts: see `staged`.

    Raises:
        UserError: it cannot be written.
    """
    if not is_remote(location):
        atomic_files.write_text(location, text)
        return
    with staged(location, parts) as (path, publish):
        path.write_text(text, encoding="utf-8", newline="\n")
        publish()


def remove(locations: Sequence[str]) -> None:
    """Remove files, and folders with all that is in them; what is not there is passed over.

    Raises:
        UserError: one cannot be removed.
    """
    for location in locations:
        try:
            if is_remote(location):
                # A bucket has no folders, but files whose names begin so.
                FileSystems.delete([location] if exists(location) else match(f"{location}/**"))
            elif os.path.isdir(location):
                shutil.rmtree(location)
            elif os.path.exists(location):
                os.remove(location)
        except (BeamIOError, OSError) as error:
            raise UserError(f"{location}: cannot be removed ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """The reason of an error in one line; Beam has those of each file in a dictionary."""
    details = getattr(error, "exception_details", None)
    inner = next(iter(details.values())) if details else error
    return getattr(inner, "strerror", None) or _first_line(inner)


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
