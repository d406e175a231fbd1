"""Views of an open file, which can be read like separate files."""

import io
import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from typing import BinaryIO

_Piece = bytes | tuple[int, int]


class FileView(io.RawIOBase):
    """Bytes and ranges of an open file, joined into one file to read.

    Several views of the same file do not disturb each other.

    Args:
        file: a regular file.
        pieces: literal bytes, or (start, size) of a range; None is the whole file.
    """

    def __init__(self, file: BinaryIO, pieces: Sequence[_Piece] | None = None):
        self._file = file
        self._pieces: Sequence[_Piece] = [(0, file_size(file))] if pieces is None else pieces
        self._size = sum(map(_size, self._pieces))
        self._position = 0

    def again(self) -> "FileView":
        """A new view of the same bytes, at its beginning."""
        return FileView(self._file, self._pieces)

    def cut(self, start: int, size: int | None = None, before: bytes = b"") -> "FileView":
        """A range of it (None: to its end), with the bytes `before` in front."""
        stop = self._size if size is None else min(start + size, self._size)
        pieces: list[_Piece] = [before]
        first = 0
        for piece in self._pieces:
            length = _size(piece)
            begin, end = max(start - first, 0), min(stop - first, length)
            if begin < end:
                pieces.append(_cut(piece, begin, end))
            first += length
        return FileView(self._file, pieces)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = min(max(origin + offset, 0), self._size)  # wherever headers point to
        return self._position

    def readinto(self, buffer) -> int:
        data = self.at(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on; the position does not change."""
        return b"".join(map(self._bytes, self.cut(offset, size)._pieces))

    def _bytes(self, piece: _Piece) -> bytes:
        if isinstance(piece, bytes):
            return piece
        return os.pread(self._file.fileno(), piece[1], piece[0])

    def __len__(self) -> int:
        return self._size


def regular(file: BinaryIO) -> BinaryIO:
    """The file itself; if it can be read only once, like a pipe, a copy of all its data."""
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    kept = tempfile.TemporaryFile(prefix="tfsr-")  # noqa: SIM115  the caller closes it
    with file:
        shutil.copyfileobj(file, kept)
    kept.flush()
    return kept


def file_size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _size(piece: _Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1]


def _cut(piece: _Piece, begin: int, end: int) -> _Piece:
    return piece[begin:end] if isinstance(piece, bytes) else (piece[0] + begin, end - begin)
