"""Pickles read as data.

`pickle.Unpickler` calls functions that a file names, and sets attributes of objects. It also takes
as much memory as the file says. This reader knows only the instructions that PyTorch writes, and
neither imports nor calls anything by name.
"""

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from tfsr.convert.known_globals import Global, Opaque, called, key, known
from tfsr.convert.tensors import Tensor
from tfsr.errors import UserError

# A tensor takes 40 instructions and 150 bytes, an instruction at most 250 bytes of memory.
_MOST_INSTRUCTIONS = 1_000_000
_MOST_BYTES = 2**26
_LONGEST_NAME = 4096

# Instructions whose argument is the value.
_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("SHORT_BINSTRING", "BINSTRING", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

Referred = Callable[[Any], Any]
"""Maps a pickle's reference to an object outside of it to that object."""


def load(file: BinaryIO, referred: Referred, most: int = _MOST_BYTES) -> Any:
    """The object of the pickle at a file's position, which then moves behind the pickle.

    Plain data are returned as they are, tensors as `Tensor`, other programs' objects as `Opaque` or
    `Global`.

    Args:
        file: opened, at the beginning of the pickle.
        referred: makes the storages to which the pickle refers.
        most: largest number of bytes.

    Raises:
        UserError: it names something refused, is damaged or too large; the file is not named.
    """
    machine = _Machine(referred)
    try:
        limited = cast(BinaryIO, _Limited(file, min(most, _MOST_BYTES)))
        for opcode, argument, _ in pickletools.genops(limited):
            if opcode.name != "STOP":
                machine.do(opcode.name, argument)
        return machine.pop()
    except UserError:
        raise
    # Which it is depends on what is wrong with the pickle: all kinds of values go everywhere.
    except Exception as error:
        raise UserError(f"has a damaged pickle ({_line(error)}); get the file again") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


class _Limited:
    """A file that gives no more than a number of bytes, whatever length a pickle states."""

    def __init__(self, file: BinaryIO, most: int):
        self._file, self._left = file, most

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        return self._given(self._file.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._given(self._file.readline(min(_LONGEST_NAME, self._left + 1)))

    def _given(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise UserError("has a pickle that does not end where it should; get the file again")
        return data


class _Machine:
    """The stack on which a pickle's instructions build an object."""

    def __init__(self, referred: Referred):
        self._referred = referred
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._left = _MOST_INSTRUCTIONS

    def pop(self) -> Any:
        return self._stack.pop()

    def do(self, name: str, argument: Any) -> None:
        """Run one instruction, by its name in `pickletools`."""
        self._spend(1)
        if name in _VALUES:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            self._stack[-_TUPLES[name] :] = [self._last(_TUPLES[name])]
        elif method := _METHODS.get(name):
            method(self, argument)
        else:
            raise UserError(f"has a pickle with the instruction {name}, which tfsr refuses")

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UserError(f"has a pickle of more than {_MOST_INSTRUCTIONS} instructions")

    def _last(self, count: int) -> tuple[Any, ...]:
        if len(self._stack) < count:
            raise IndexError("too few values")
        return tuple(self._stack[-count:])

    def _marked(self) -> list[Any]:
        """The items since the last mark."""
        start = self._marks.pop()
        found = self._stack[start:]
        del self._stack[start:]
        return found

    def _nothing(self, _: Any) -> None:
        pass

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def _put(self, place: Any) -> None:
        self._memo[len(self._memo) if place is None else place] = self._stack[-1]

    def _get(self, place: Any) -> None:
        self._stack.append(self._memo[place])

    def _empty_list(self, _: Any) -> None:
        self._stack.append([])

    def _empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def _empty_set(self, _: Any) -> None:
        self._stack.append(set())

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._marked()))

    def _frozenset(self, _: Any) -> None:
        self._stack.append(frozenset(map(key, self._marked())))

    def _append(self, _: Any) -> None:
        self._extend([self.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._marked())

    def _extend(self, values: list[Any]) -> None:
        onto = self._stack[-1]
        if not isinstance(onto, list | Opaque):
            raise TypeError("appends to what is no list")
        (onto.items if isinstance(onto, Opaque) else onto).extend(values)

    def _add(self, _: Any) -> None:
        values = self._marked()
        if not isinstance(self._stack[-1], set):
            raise TypeError("adds to what is no set")
        self._stack[-1].update(map(key, values))

    def _set_item(self, _: Any) -> None:
        self._set([*self._last(2)], drop=2)

    def _set_items(self, _: Any) -> None:
        self._set(self._marked())

    def _set(self, values: list[Any], drop: int = 0) -> None:
        del self._stack[len(self._stack) - drop :]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        onto = self._stack[-1]
        if isinstance(onto, Opaque):
            onto.items.extend(pairs)
        elif not isinstance(onto, dict):
            raise TypeError("sets items of what has none")
        else:
            onto.update((key(name), value) for name, value in pairs)

    def _global(self, names: str) -> None:
        # Both names in one, with a space between them; they have none themselves.
        self._stack.append(known(names.replace(" ", ".")))

    def _stack_global(self, _: Any) -> None:
        module, name = self._last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name is no string")
        self._stack[-2:] = [known(f"{module}.{name}")]

    def _reduce(self, _: Any) -> None:
        self._stack[-2:] = [self._called(*self._last(2))]

    def _new(self, _: Any) -> None:
        function, arguments, names = self._last(3)
        self._stack[-3:] = [self._called(function, (*arguments, names) if names else arguments)]

    def _called(self, function: Any, arguments: Any) -> Any:
        # Some calls copy what they get, and that may be the same thing again and again.
        copied = [value for value in arguments if isinstance(value, list | tuple | dict)]
        self._spend(len(arguments) + sum(map(len, copied)))
        return called(function, arguments)

    def _build(self, _: Any) -> None:
        """Store the state of an object; that of mappings and tensors is not needed."""
        onto, state = self._last(2)
        del self._stack[-1]
        if isinstance(onto, Opaque):
            onto.state = state
        elif not isinstance(onto, dict | Tensor):
            raise UserError(f"sets attributes of a {_named(onto)}, which tfsr refuses")

    def _refer(self, _: Any) -> None:
        self._stack.append(self._referred(self.pop()))


def _named(value: Any) -> str:
    return value.name[:120] if isinstance(value, Global) else type(value).__name__


_METHODS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine._nothing,
    "FRAME": _Machine._nothing,
    "MARK": _Machine._mark,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine._put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine._get),
    "EMPTY_LIST": _Machine._empty_list,
    "EMPTY_DICT": _Machine._empty_dict,
    "EMPTY_SET": _Machine._empty_set,
    "TUPLE": _Machine._tuple,
    "FROZENSET": _Machine._frozenset,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "ADDITEMS": _Machine._add,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _Machine._reduce),
    "NEWOBJ_EX": _Machine._new,
    "BUILD": _Machine._build,
    "BINPERSID": _Machine._refer,
}
