"""Read checkpoints of PyTorch or safetensors as data: nothing in them is run as code."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from tfsr.convert import pytorch, safetensors
from tfsr.convert.known_globals import Opaque
from tfsr.convert.tensors import Cache, Tensor
from tfsr.errors import UserError

_HEAD = 64
# Where OmegaConf keeps what a container holds, and what a node does.
_INSIDE = "_content", "_val"
_DEEPEST = 32
_LONGEST_NAME = 1000
# Each of which may stand in several places, or within itself.
_MOST_VALUES = 1_000_000


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The content of a file.

    Args:
        path: of the file.
        content: plain data, with a `Tensor` for each tensor, which is read at its first use.
    """

    path: str | os.PathLike
    content: Any

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """All arrays, read now, by their paths of keys, joined by dots."""
        return self.state_dict()

    def whole_number(self, *keys: str) -> int | None:
        """A positive number among the trainer's settings, or None.

        Args:
            keys: path of the number. Its steps may be dicts, or objects that stand for dicts.
        """
        value = self.content
        for key in keys:
            value = _plain(value)
            value = value.get(key) if isinstance(value, dict) else None
        value = _plain(value)
        return value if type(value) is int and value > 0 else None

    def state_dict(self, *keys: str | int) -> dict[str, np.ndarray]:
        """Like the function `state_dict`, with errors that name the file."""
        with errors_of(self.path):
            return state_dict(self.content, *keys)

    def entries(self, *keys: str | int) -> dict[str, Tensor]:
        """Like `state_dict`, but each array is read when `numpy.asarray` is called on it."""
        with errors_of(self.path):
            return entries(self.content, *keys)


def read(path: str | os.PathLike) -> Checkpoint:
    """Open a file of `torch.save` or safetensors, whatever its name.

    Args:
        path: a file of the zip form, of the stream form (before PyTorch 1.6), or of safetensors.

    Raises:
        UserError: it is none of these, is damaged, or names more than tensors and plain data.
    """
    with errors_of(path), open(path, "rb") as file:
        return Checkpoint(path, _content(file, path))


@contextlib.contextmanager
def errors_of(path: str | os.PathLike) -> Iterator[None]:
    """Add the name of the file to errors."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _content(file: BinaryIO, path: str | os.PathLike) -> Any:
    head = file.read(_HEAD)
    file.seek(0)
    if pytorch.is_zip(head):
        return pytorch.load_zip(file, path)
    if pytorch.is_stream(head):
        return pytorch.load_stream(file, path)
    if safetensors.is_safetensors(head):
        return safetensors.load(file, path)
    raise UserError("is no checkpoint of PyTorch or safetensors; get the file again")


def state_dict(content: Any, *keys: str | int) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint's content, or of a part of it, read now.

    Do not write to the arrays. They share memory if the file's tensors do.

    Args, returns and raises: see `entries`.
    """
    cache: Cache = {}
    return {name: tensor.read(cache) for name, tensor in entries(content, *keys).items()}


def entries(content: Any, *keys: str | int) -> dict[str, Tensor]:
    """The tensors of a checkpoint's content, or of a part of it, not read yet.

    Args:
        content: of a `Checkpoint`.
        keys: path of the part, from the outermost on, such as "model" or "state_dict".

    Returns:
        By name: keys within the part, joined by dots. Only tensors are included.

    Raises:
        UserError: a key is missing, or the part has no tensors, or two of the same name.
    """
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            raise UserError(f'has no "{key}", but {_names(content)}')
        content = content[key]
    found: dict[str, Tensor] = {}
    for name, tensor in _tensors(content):
        if name in found:
            raise UserError(f"has two tensors of the name {name[:80]!r}")
        found[name] = tensor
    if not found:
        raise UserError(f"has no tensors there, but {_names(content)}")
    return found


def _plain(value: Any) -> Any:
    """The content, value or attributes of an object of OmegaConf or argparse."""
    if not isinstance(value, Opaque) or not isinstance(value.state, dict):
        return value
    return next((value.state[key] for key in _INSIDE if key in value.state), value.state)


def _names(content: Any) -> str:
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    names = [repr(key)[:40] for key in content if isinstance(key, str | int)]
    return f"{', '.join(names[:10])}{', ...' * (len(names) > 10)}" or "nothing"


def _tensors(content: Any) -> Iterator[tuple[str, Tensor]]:
    """All tensors within dicts, lists and tuples; these may contain themselves."""
    waiting, left = [("", content, 0)], _MOST_VALUES
    while waiting:
        name, value, depth = waiting.pop()
        if depth > _DEEPEST or len(name) > _LONGEST_NAME:
            raise UserError(f"{name[:80]!r}...: is nested more than {_DEEPEST} deep, or too long")
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, dict | list | tuple):
            left -= len(value)
            if left < 0:
                raise UserError(f"has more than {_MOST_VALUES} values")
            pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
            inner = [(f"{name}.{key}" if name else str(key), x, depth + 1) for key, x in pairs]
            waiting.extend(reversed(inner))
