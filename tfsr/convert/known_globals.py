"""Names that pickles may contain: those for tensors and plain data, and some kept as names only.

Nothing is imported or called by these names. Each stands for a function of this module.
"""

import dataclasses
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tfsr.convert.tensors import Storage, Tensor
from tfsr.errors import UserError

KINDS = {
    f"torch.{name}Storage": kind
    for name, kind in {
        **{"Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16"},
        **{"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8"},
        **{"Byte": "uint8", "Bool": "bool"},
        **{"ComplexFloat": "complex64", "ComplexDouble": "complex128"},
    }.items()
}
"""Types of numbers, by PyTorch's names of their storages."""

# Types whose objects lie in optimizer states, callbacks and hyperparameters.
_INERT = re.compile(
    r"argparse\.Namespace"
    r"|pathlib\.(_local\.)?(Pure)?(Posix|Windows)?Path"
    r"|datetime\.(date|time|datetime|timedelta|timezone)"
    r"|collections\.deque|typing\.(Any|Union|Optional|List|Dict|Tuple)"
    r"|builtins\.(set|frozenset|bytearray|complex|range|slice)"
    r"|builtins\.(bool|int|float|str|bytes|list|tuple|dict|object)|_codecs\.encode"
    r"|numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)|numpy\.(dtype|ndarray)"
    r"|numpy\.(bool_|u?int(8|16|32|64)|float(16|32|64)|complex(64|128))"
    r"|torch\.(device|u?int(8|16|32|64)|b?float(16|32|64)|bool|complex(64|128))"
    r"|torch\.(contiguous_format|channels_last|preserve_format|strided)"
    r"|torch\.serialization\._get_layout"
    r"|torch\.Tensor|torch\.nn\.parameter\.Parameter"
    r"|(torch\.optim|pytorch_lightning|lightning|lightning_fabric|omegaconf)(\.\w+)*\.[A-Z]\w*"
)


class Global:
    """A name of another program; `called` is the function that it stands for here."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __str__(self) -> str:
        return self.name


@dataclasses.dataclass(eq=False)
class Opaque:
    """An object of another program, reduced to its data."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = dataclasses.field(default_factory=list)


class Numbers(NamedTuple):
    """A pickle's reference to a storage, with the type and count of its numbers."""

    storage: Storage
    kind: str
    length: int


def known(name: str) -> Global:
    """The object for a name, if pickles may contain it.

    Raises:
        UserError: the name is not allowed; the message contains it.
    """
    today = re.sub(r"^__builtin__\.", "builtins.", name)
    if today in KINDS or today in _CALLS or _INERT.fullmatch(today):
        return Global(today)
    raise UserError(
        f"names {name[:120]!r}, which tfsr refuses; nothing of it was run; "
        "save only the state_dict()"
    )


def called(function: Any, arguments: Any) -> Any:
    """Call what a name stands for with its arguments.

    Raises:
        UserError: it is no such name, or the arguments are wrong.
    """
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        raise UserError("has a damaged pickle, which calls something that is no function")
    if function.name in KINDS:
        raise UserError(f"calls {function.name}, which is no function")
    call = _CALLS.get(function.name)
    return Opaque(function.name, arguments) if call is None else call(*arguments)


def key(value: Any) -> Any:
    """The value, if it may be a key. Hashing other values may take long, or never end.

    Raises:
        UserError: the value is of another type.
    """
    plain = isinstance(value, str | bytes | float | Opaque | Global | None)
    if plain or (isinstance(value, int) and value.bit_length() < 64):
        return value
    if isinstance(value, tuple) and len(value) < 9 and not any(isinstance(x, tuple) for x in value):
        return tuple(map(key, value))
    raise UserError(f"has a {type(value).__name__} as a key, which tfsr does not read")


def _tensor(numbers: Any, offset: Any, shape: Any, strides: Any, *_more: Any) -> Tensor:
    """A tensor; further arguments are its gradient flag, hooks and metadata."""
    sizes = isinstance(shape, tuple) and isinstance(strides, tuple)
    if not isinstance(numbers, Numbers) or not sizes:
        raise UserError("has a tensor without a storage or sizes; get the file again")
    return Tensor(numbers.storage, numbers.kind, shape, strides, offset, numbers.length)


def _parameter(data: Any, *_more: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise UserError("has a parameter that is no tensor; get the file again")
    return data


def _of_type(function: Any, _type: Any, arguments: Any, *_more: Any) -> Tensor:
    """A tensor that PyTorch wrote with attributes of its own, which are left out."""
    return _parameter(called(function, arguments))


def _size(sizes: Any = ()) -> tuple[Any, ...]:
    if not isinstance(sizes, tuple | list):
        raise UserError("has a torch.Size without sizes; get the file again")
    return tuple(sizes)


def _mapping(*arguments: Any) -> dict[Any, Any]:
    """A dict from pairs or another mapping; the factory of missing values is left out."""
    made: dict[Any, Any] = {}
    for argument in arguments:
        if isinstance(argument, dict):
            made.update(argument)
        elif isinstance(argument, list | tuple):
            made.update((key(name), value) for name, value in argument)
    return made


_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch.Size": _size,
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": _mapping,
    "collections.Counter": _mapping,
    "pytorch_lightning.utilities.parsing.AttributeDict": _mapping,
    "lightning.fabric.utilities.data.AttributeDict": _mapping,
    "lightning_fabric.utilities.data.AttributeDict": _mapping,
}
