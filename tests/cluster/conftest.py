"""Two remote file systems of Beam in memory: mem://, a bucket, and tree://, with folders."""

import importlib.util
import io
import posixpath
from collections.abc import Iterator

import pytest

FILES: dict[str, bytes] = {}
FOLDERS: set[str] = set()


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    yield
    FILES.clear()
    FOLDERS.clear()


class _Written(io.BytesIO):
    """A file that is there once it is closed."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            FILES[self._path] = self.getvalue()
        super().close()


def register() -> tuple[type, type]:
    """Make the file systems known to Beam, which looks for subclasses of its class.

    It looks for those that somebody refers to.
    """
    from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem

    class Bucket(FileSystem):
        @classmethod
        def scheme(cls):
            return "mem"

        def has_dirs(self):
            return False

        def join(self, basepath, *paths):
            return posixpath.join(basepath, *paths)

        def split(self, path):
            return posixpath.split(path)

        def mkdirs(self, path):
            raise BeamIOError(f"a bucket has no folders: {path}")

        def _list(self, dir_or_prefix):
            for path in sorted(FILES):
                if path.startswith(dir_or_prefix):
                    yield FileMetadata(path, len(FILES[path]), 0)

        def create(self, path, mime_type=None, compression_type=None):
            return _Written(path)

        def open(self, path, mime_type=None, compression_type=None):
            if path not in FILES:
                raise BeamIOError("Open failed", {path: FileNotFoundError(2, "No such file")})
            return io.BytesIO(FILES[path])

        def copy(self, sources, targets):
            for source, target in zip(sources, targets, strict=True):
                FILES[target] = FILES[source]

        def rename(self, sources, targets):
            for source, target in zip(sources, targets, strict=True):
                FILES[target] = FILES.pop(source)

        def exists(self, path):
            return path in FILES

        def size(self, path):
            return len(FILES[path])

        def last_updated(self, path):
            return 0

        def checksum(self, path):
            return str(hash(FILES[path]))

        def metadata(self, path):
            return FileMetadata(path, len(FILES[path]), 0)

        def delete(self, paths):
            for path in paths:
                del FILES[path]

    class Tree(Bucket):
        """Wants folders before files, and renames to no name that is taken, as HDFS does."""

        @classmethod
        def scheme(cls):
            return "tree"

        def has_dirs(self):
            return True

        def mkdirs(self, path):
            if path in FOLDERS:
                raise BeamIOError(f"is there: {path}")
            while path not in ("tree:/", "tree:", ""):
                FOLDERS.add(path)
                path = posixpath.dirname(path)

        def create(self, path, mime_type=None, compression_type=None):
            assert posixpath.dirname(path) in FOLDERS
            return super().create(path)

        def rename(self, sources, targets):
            assert all(posixpath.dirname(target) in FOLDERS for target in targets)
            assert not any(target in FILES for target in targets)
            super().rename(sources, targets)

        def exists(self, path):
            return path in FILES or path in FOLDERS

        def delete(self, paths):
            for path in paths:
                for file in [file for file in FILES if f"{file}/".startswith(f"{path}/")]:
                    del FILES[file]
                FOLDERS.difference_update(
                    {folder for folder in FOLDERS if f"{folder}/".startswith(f"{path}/")}
                )

    return Bucket, Tree


KEPT = register() if importlib.util.find_spec("apache_beam") else ()


@pytest.fixture
def files() -> dict[str, bytes]:
    """The remote files by URL."""
    return FILES
