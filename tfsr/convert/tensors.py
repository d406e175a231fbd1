"""Tensors in a file: their place and shape; they are read when they are needed."""

import dataclasses
import math
import os
from typing import Any, Literal, NamedTuple

import numpy as np

from tfsr.errors import UserError

# What numpy holds, and more than a file can: sizes beyond it would overflow.
_MOST_AXES = 32
_MOST_ITEMS = 2**48

STORED = {
    **{"float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "u2"},
    **{"int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1"},
    **{"uint64": "u8", "uint32": "u4", "uint16": "u2", "uint8": "u1", "bool": "u1"},
    **{"complex64": "c8", "complex128": "c16"},
}
"""How numbers of a type are stored in a file, by numpy's names, without the byte order."""


Order = Literal["<", ">"]


def item_size(kind: str) -> int:
    """Number of bytes of one number."""
    return np.dtype(STORED[kind]).itemsize


@dataclasses.dataclass(eq=False)
class Storage:
    """A range of a file with the numbers of one or several tensors.

    Args:
        path: of the file.
        size: in bytes.
        start: in bytes from the file's beginning.
        order: "<" (little-endian) or ">" (big-endian).
    """

    path: str | os.PathLike
    size: int
    start: int = 0
    order: Order = "<"

    def numbers(self, kind: str, first: int = 0, count: int | None = None) -> np.ndarray:
        """Numbers of one type; do not write to them. bfloat16 becomes float32.

        Args:
            kind: one of `STORED`.
            first, count: the range of numbers; with None it goes to the end.
        """
        native = np.dtype(STORED[kind])
        stored = native.newbyteorder(self.order)
        count = self.size // native.itemsize - first if count is None else count
        found = self._bytes(first * native.itemsize, count * native.itemsize)
        found = found.view(native if stored.isnative else stored)
        found = found.astype(native, copy=False)
        if kind == "bfloat16":
            wide = found.astype(np.uint32)
            wide <<= 16
            found = wide.view(np.float32)
        elif kind == "bool":
            found = found != 0
        found.flags.writeable = False
        return found

    def _bytes(self, begin: int, size: int) -> np.ndarray:
        data = np.empty(size, np.uint8)
        with open(self.path, "rb") as file:
            file.seek(self.start + begin)
            # One call may read less than there is: Linux stops at 2 GiB.
            done = 0
            while count := file.readinto(data[done:].data):
                done += count
        if done < size:
            raise UserError("changed while it was read; try it again")
        return data


Cache = dict[tuple[int, str], np.ndarray]
"""Numbers of storages by their `id` and type, so that each is read once."""


class Tensor:
    """Shape and place of an array in a `Storage`; `numpy.asarray` reads it.

    Args:
        storage: the storage of its numbers.
        kind: one of `STORED`.
        shape: of the array.
        strides: between neighbours along each axis, in numbers; None is C order.
        offset: of its first number, in numbers.
        count: how many numbers of the storage may be used; None is all.

    Raises:
        UserError: it reaches beyond these numbers, or its elements overlap.
    """

    __slots__ = ("storage", "kind", "shape", "_strides", "_offset", "_reach")

    def __init__(
        self,
        storage: Storage,
        kind: str,
        shape: tuple[int, ...],
        strides: tuple[int, ...] | None = None,
        offset: int = 0,
        count: int | None = None,
    ):
        whole = storage.size // item_size(kind)
        strides = _of_c(shape) if strides is None else strides
        most = whole if count is None else min(count, whole)
        self._reach = _reach(shape, strides, offset, most)
        self.storage, self.kind, self.shape = storage, kind, shape
        # Whatever is said of axes with one element, along which nobody goes.
        along = zip(shape, strides, strict=True)
        self._strides = tuple(stride if size > 1 else 0 for size, stride in along)
        self._offset = offset

    def read(self, cache: Cache | None = None) -> np.ndarray:
        """The array; do not write to it. bfloat16 becomes float32.

        Args:
            cache: passed from tensor to tensor, it lets tensors of one storage share memory. None:
                only the part of the storage that the array spans is read.
        """
        if cache is None:
            numbers = self.storage.numbers(self.kind, self._offset, self._reach)
        else:
            key = id(self.storage), self.kind
            if key not in cache:
                cache[key] = self.storage.numbers(self.kind)
            numbers = cache[key][self._offset :]
        if 0 in self.shape:
            return np.empty(self.shape, numbers.dtype)
        strides = [stride * numbers.itemsize for stride in self._strides]
        return np.lib.stride_tricks.as_strided(numbers, self.shape, strides, writeable=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = self.read()
        return found if dtype is None else found.astype(dtype)


def _of_c(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


class _Axis(NamedTuple):
    stride: int
    size: int


def _reach(shape: tuple[int, ...], strides: tuple[int, ...], offset: int, count: int) -> int:
    """Count of numbers from the first to the last of an array, after a check of its layout."""
    if len(shape) != len(strides) or len(shape) > _MOST_AXES:
        raise UserError(f"has a tensor with {len(shape)} sizes and {len(strides)} strides")
    if not all(type(x) is int and 0 <= x < _MOST_ITEMS for x in (*shape, *strides, offset)):
        raise UserError("has a tensor whose shape, strides or offset cannot be; get the file again")
    if math.prod(size or 1 for size in shape) > _MOST_ITEMS:
        raise UserError("has a tensor larger than any file")
    if 0 in shape:
        return 0
    axes = sorted(map(_Axis, strides, shape))
    last = 0
    for axis in axes:
        if axis.size > 1 and axis.stride <= last:
            raise UserError("has a tensor whose elements share memory; save a clone() of it")
        last += (axis.size - 1) * axis.stride
    if offset + last >= count:
        raise UserError("has a tensor that reaches beyond its storage; get the file again")
    return last + 1
