"""Files of `torch.save`: the zip form (PyTorch 1.6 and later) and the older stream form."""

import os
import struct
import zipfile
from typing import Any, BinaryIO

from tfsr.convert import pickled
from tfsr.convert.known_globals import KINDS, Global, Numbers
from tfsr.convert.tensors import Order, Storage, item_size
from tfsr.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C
_MAGIC_PICKLED = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little")
_PROTOCOL = 1001
_COUNT = struct.Struct("<q")
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1
_ORDERS: dict[bytes, Order] = {b"little": "<", b"big": ">"}


def is_zip(head: bytes) -> bool:
    """Whether a file with this beginning may be of the zip form."""
    return head.startswith(b"PK\x03\x04")


def is_stream(head: bytes) -> bool:
    """Whether a file with this beginning (32 bytes) is of the stream form."""
    return head.startswith(b"\x80") and _MAGIC_PICKLED in head


def load_zip(file: BinaryIO, path: str | os.PathLike) -> Any:
    """The saved object, with a `Tensor` for each tensor.

    Raises:
        UserError: the file is damaged, or contains something refused; it is not named.
    """
    archive = _Archive(file)
    root = archive.root()
    order = _ORDERS.get(archive.small(f"{root}/byteorder", b"little"))
    if order is None:
        raise UserError("has numbers in an unknown order of bytes")
    storages: dict[str, Storage] = {}

    def referred(said: Any) -> Numbers:
        kind, key, count = _storage(said)
        if key not in storages:
            start, size = archive.place(f"{root}/data/{key}")
            storages[key] = Storage(path, size, start, order)
        return _numbers(storages[key], kind, count)

    start, size = archive.place(f"{root}/data.pkl")
    file.seek(start)
    return pickled.load(file, referred, size)


class _Archive:
    """A zip file with uncompressed entries, which can be read in place."""

    def __init__(self, file: BinaryIO):
        self._file = file
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        # zipfile raises many kinds of errors on damaged files.
        except Exception as error:
            raise UserError("is a damaged or incomplete zip file; get it again") from error
        self._places = self._found(entries)
        if len(self._places) < len(entries):
            raise UserError("is a zip file in which a name occurs twice; get it again")

    def _found(self, entries: list[zipfile.ZipInfo]) -> dict[str, tuple[int, int]]:
        """Places of entries. None may overlap, or a small file could have any number of weights."""
        places, end = {}, 0
        for entry in sorted(entries, key=lambda entry: entry.header_offset):
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
                raise UserError("is compressed, which torch.save never does; unpack and save again")
            start = self._start(entry)
            if entry.header_offset < end:
                raise UserError("is a zip file whose entries overlap; get it again")
            places[entry.filename] = start, entry.file_size
            end = start + entry.file_size
        return places

    def _start(self, entry: zipfile.ZipInfo) -> int:
        """The first byte of an entry's content, after the entry's own header."""
        self._file.seek(entry.header_offset)
        header = self._file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not is_zip(header):
            raise UserError("is a damaged zip file; get it again")
        start = entry.header_offset + len(header) + sum(_LOCAL_HEADER.unpack(header)[1:])
        if entry.file_size != entry.compress_size or start + entry.file_size > _size(self._file):
            raise UserError("is a damaged zip file; get it again")
        return start

    def root(self) -> str:
        """The folder that contains everything."""
        roots = {name.removesuffix("/data.pkl") for name in self._places if _is_content(name)}
        if len(roots) != 1:
            raise UserError("is a zip file without a checkpoint of PyTorch")
        (root,) = roots
        if f"{root}/constants.pkl" in self._places:
            raise UserError("is a program of TorchScript; save the state_dict() of its model")
        return root

    def place(self, name: str) -> tuple[int, int]:
        """The first byte of an entry in the file, and its size in bytes."""
        if name not in self._places:
            raise UserError(f"has no entry {name[:80]!r}; get the file again")
        return self._places[name]

    def small(self, name: str, missing: bytes) -> bytes:
        """The first bytes of an entry, or `missing` if there is no such entry."""
        if name not in self._places:
            return missing
        start, size = self.place(name)
        self._file.seek(start)
        return self._file.read(min(size, 16))


def _is_content(name: str) -> bool:
    return name.endswith("/data.pkl") and name.count("/") == 1


def load_stream(file: BinaryIO, path: str | os.PathLike) -> Any:
    """The saved object, with a `Tensor` for each tensor.

    Raises:
        UserError: the file is damaged, or contains something refused; it is not named.
    """
    order = _stream_order(file)
    storages: dict[str, Storage] = {}
    kinds: dict[str, str] = {}

    def referred(said: Any) -> Numbers:
        kind, key, count = _storage(said)
        size = count * item_size(kind)
        if size > _size(file):
            raise UserError("has a storage larger than the file; get it again")
        storage = storages.setdefault(key, Storage(path, size, 0, order))
        kinds.setdefault(key, kind)
        return _numbers(storage, kind, count)

    content = pickled.load(file, referred)
    keys = pickled.load(file, _nothing)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise UserError("has no list of its storages; get the file again")
    if len(keys) != len(set(keys)) or set(keys) != storages.keys():
        raise UserError("has another list of storages than its tensors need; get the file again")
    for key in keys:
        _place(file, storages[key], item_size(kinds[key]))
    return content


def _stream_order(file: BinaryIO) -> Order:
    magic, protocol, system = (pickled.load(file, _nothing) for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL or not isinstance(system, dict):
        raise UserError("has the head of another version of PyTorch's stream form")
    return "<" if system.get("little_endian", True) is True else ">"


def _place(file: BinaryIO, storage: Storage, item: int) -> None:
    """Tell a storage its place: here, after the count of its numbers."""
    head = file.read(_COUNT.size)
    if len(head) < _COUNT.size:
        raise UserError("ends before its storages do; get the file again")
    storage.start = file.tell()
    if _COUNT.unpack(head)[0] * item != storage.size:
        raise UserError("has a storage of another size than its tensors say; get the file again")
    if storage.start + storage.size > _size(file):
        raise UserError("ends before its storages do; get the file again")
    file.seek(storage.size, os.SEEK_CUR)


def _storage(said: Any) -> tuple[str, str, int]:
    """Type, key and count of numbers of a storage to which a pickle refers."""
    if not isinstance(said, tuple) or len(said) < 5 or said[0] != "storage":
        raise UserError(
            "refers to an object that is no storage, as whole models do; save the state_dict()"
        )
    _, kind, key, _, count, *view = said
    if view not in ([], [None]):
        raise UserError("has storages within storages; save it with a PyTorch of today")
    if not isinstance(kind, Global) or kind.name not in KINDS:
        raise UserError("has a storage of an unknown kind of numbers")
    if not isinstance(key, str) or type(count) is not int or count < 0:
        raise UserError("has a storage without key or count; get the file again")
    return KINDS[kind.name], key, count


def _numbers(storage: Storage, kind: str, count: int) -> Numbers:
    if count * item_size(kind) > storage.size:
        raise UserError("has a storage smaller than its tensors say; get the file again")
    return Numbers(storage, kind, count)


def _nothing(_: Any) -> Any:
    raise UserError("refers to storages in its head; get the file again")


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
