"""Files of safetensors: a JSON header, then the numbers of its tensors, one after the other."""

import json
import math
import os
import struct
from typing import Any, BinaryIO

from tfsr.convert.tensors import Storage, Tensor, item_size
from tfsr.errors import UserError

_KINDS = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8"},
    **{"U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8"},
    **{"BOOL": "bool", "C64": "complex64"},
}
_LENGTH = struct.Struct("<Q")
# That of 100000 tensors.
_LONGEST_HEADER = 2**24


def is_safetensors(head: bytes) -> bool:
    """Whether a file with this beginning (9 bytes or more) is one of safetensors."""
    return head[_LENGTH.size : _LENGTH.size + 1] == b"{"


def load(file: BinaryIO, path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of a file by their names.

    Raises:
        UserError: it is damaged, or has numbers that tfsr does not read; the file is not named.
    """
    size = os.fstat(file.fileno()).st_size
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    start = _LENGTH.size + length
    if start > size or length > _LONGEST_HEADER:
        raise UserError(f"has a header of {length} bytes, more than there can be; get it again")
    entries = _header(file.read(length))
    entries.pop("__metadata__", None)
    found = {name: _tensor(name, entry, start, size, path) for name, entry in entries.items()}
    _check_places(found, start, size)
    return found


def _header(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UserError("has a header that is no JSON; get the file again") from error
    if not isinstance(found, dict):
        raise UserError("has a header without names; get the file again")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UserError("has a header in which a name occurs twice; get the file again")
    return found


def _tensor(name: str, entry: Any, start: int, size: int, path: str | os.PathLike) -> Tensor:
    place = f"has a tensor {name[:80]!r}"
    if not isinstance(entry, dict) or not _KINDS.keys() & {str(entry.get("dtype"))}:
        raise UserError(f"{place} of numbers that tfsr does not read; save it as float32")
    kind = _KINDS[str(entry["dtype"])]
    shape, span = (_naturals(entry.get(name)) for name in ("shape", "data_offsets"))
    if shape is None or span is None or len(span) != 2:
        raise UserError(f"{place} without shape or offsets; get the file again")
    count = span[1] - span[0]
    if not 0 <= count <= size - start - span[0] or count != math.prod(shape) * item_size(kind):
        raise UserError(f"{place} whose shape and offsets do not fit; get the file again")
    return Tensor(Storage(path, count, start + span[0]), kind, tuple(shape))


def _naturals(value: Any) -> list[int] | None:
    """The list, if its items can be sizes or places; else None."""
    natural = isinstance(value, list) and all(type(x) is int and 0 <= x < 2**63 for x in value)
    return value if natural else None


def _check_places(tensors: dict[str, Tensor], start: int, size: int) -> None:
    """Check that the tensors follow one another to the file's end, as the format requires."""
    storages = sorted((x.storage for x in tensors.values()), key=lambda x: (x.start, x.size))
    for storage in storages:
        if storage.start != start:
            raise UserError("has tensors with gaps or that overlap; get the file again")
        start += storage.size
    if start != size:
        raise UserError("has another length than its header says; get the file again")
