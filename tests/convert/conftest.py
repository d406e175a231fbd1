"""Checkpoints as PyTorch and safetensors write them, written without these."""

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    **{"float64": "Double", "float32": "Float", "float16": "Half", "int64": "Long"},
    **{"int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"},
    **{"complex64": "ComplexFloat", "complex128": "ComplexDouble", "bfloat16": "BFloat16"},
}
IN_SAFETENSORS = {
    **{"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32"},
    **{"int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "complex64": "C64"},
    "bfloat16": "BF16",
}


class Name(NamedTuple):
    """A global, by module and name."""

    module: str
    name: str


class Call(NamedTuple):
    """What REDUCE makes; the state is set by BUILD where it is not None."""

    function: Any
    arguments: tuple
    state: Any = None


class BFloat16(NamedTuple):
    """Of the upper halves of float32."""

    halves: np.ndarray


class Reference(NamedTuple):
    """A persistent id."""

    said: Any


class Raw(bytes):
    """Instructions as they are."""


class Pickle:
    """Instructions of protocol 2, and the storages to which they refer."""

    def __init__(self, top: Any):
        self.storages: dict[str, np.ndarray] = {}
        self._keys: dict[int, str] = {}
        self.data = b"\x80\x02" + self._value(top) + b"."

    def _value(self, value: Any) -> bytes:
        match value:
            case Raw():
                return value
            case np.ndarray():
                return self._tensor(value, value.dtype.name)
            case BFloat16():
                return self._tensor(value.halves, "bfloat16")
            case Name():
                return f"c{value.module}\n{value.name}\n".encode()
            case Reference():
                return self._value(value.said) + b"Q"
            case Call():
                made = self._value(value.function) + self._value(value.arguments) + b"R"
                return made if value.state is None else made + self._value(value.state) + b"b"
            case dict():
                items = b"".join(self._value(k) + self._value(v) for k, v in value.items())
                return b"}(" + items + b"u"
            case list():
                return b"](" + b"".join(map(self._value, value)) + b"e"
            case tuple():
                return b"(" + b"".join(map(self._value, value)) + b"t"
        return pickle.dumps(value, 2)[2:-1]

    def _tensor(self, array: np.ndarray, kind: str) -> bytes:
        base = array if array.base is None else array.base
        key = self._keys.setdefault(id(base), str(len(self._keys)))
        self.storages[key] = base
        at = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        return self._value(tensor(kind, key, base.size, at // array.itemsize, *_steps(array)))


def _steps(array: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return array.shape, tuple(stride // array.itemsize for stride in array.strides)


def tensor(kind: str, key: Any, count: Any, offset: Any, shape: Any, strides: Any) -> Call:
    storage = "storage", Name("torch", f"{STORAGES[kind]}Storage"), key, "cpu", count
    hooks = Call(Name("collections", "OrderedDict"), ())
    rebuild = Name("torch._utils", "_rebuild_tensor_v2")
    return Call(rebuild, (Reference(storage), offset, shape, strides, False, hooks))


def write_zip(path: Path, top: Any, order: str = "little", **options: Any) -> Path:
    pickled = Pickle(top)
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", pickled.data)
        archive.writestr("archive/byteorder", order)
        for key, base in pickled.storages.items():
            swapped = base if order == "little" else base.byteswap()
            archive.writestr(f"archive/data/{key}", swapped.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def write_stream(path: Path, top: Any) -> Path:
    pickled = Pickle(top)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    heads = [pickle.dumps(value, 2) for value in (MAGIC, 1001, system)]
    with open(path, "wb") as file:
        file.writelines([*heads, pickled.data, pickle.dumps(list(pickled.storages), 2)])
        for base in pickled.storages.values():
            file.writelines([struct.pack("<q", base.size), base.tobytes()])
    return path


def write_safetensors(path: Path, arrays: dict[str, Any]) -> Path:
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in arrays.items():
        array, kind = (
            (value, value.dtype.name)
            if isinstance(value, np.ndarray)
            else (value.halves, "bfloat16")
        )
        span = [len(data), len(data) + array.nbytes]
        header[name] = {
            "dtype": IN_SAFETENSORS[kind],
            "shape": list(array.shape),
            "data_offsets": span,
        }
        data += array.tobytes()
    return write_header(path, header, data)


def write_header(path: Path, header: Any, data: bytes, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


class Writing:
    """All of it, for tests that are imported on their own."""

    Name, Call, BFloat16, Reference, Raw, Pickle = Name, Call, BFloat16, Reference, Raw, Pickle
    tensor = staticmethod(tensor)
    zip, stream = staticmethod(write_zip), staticmethod(write_stream)
    safetensors, header = staticmethod(write_safetensors), staticmethod(write_header)


@pytest.fixture(scope="session")
def writing() -> type[Writing]:
    return Writing


@pytest.fixture(params=["zip", "stream"])
def write(request):
    """Both forms of PyTorch."""
    return getattr(Writing, request.param)
