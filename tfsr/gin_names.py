"""The names that a configuration may use: gin imports and calls everything it reads.

A run may come from anybody. If it is only used, its configuration may name only classes and
functions that compute. Training with a configuration runs it as code. Even then it imports only
tfsr and the modules that the user allows.
"""

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import tf_keras as keras
from gin import config_parser

import tfsr
from tfsr.errors import UserError

CONFIGS_LIE_IN = (Path(tfsr.__file__).parents[1], Path(sys.prefix, "share", "tfsr"))
"""The folders of configurations, in a clone of the project and in an installed package."""

# Of the rooms all modules. None of these writes files, or starts programs.
_ROOMS = {
    *("tfsr.degradation", "tfsr.layers", "tfsr.losses", "tfsr.networks", "tfsr.signal"),
    "tfsr.upsamplers",
}
_MODULES = {
    *("tfsr.data.bundled", "tfsr.data.corpora", "tfsr.data.full_band", "tfsr.data.noise"),
    *("tfsr.data.pipeline", "tfsr.data.prepared", "tfsr.data.vctk", "tfsr.training.experiment"),
    *("tf_keras.optimizers", "tf_keras.optimizers.schedules"),
}
_TRAINS = ("tfsr", "tf_keras.optimizers")

# Beside these the package has functions that import what they are told to.
_OF_KERAS = (keras.optimizers.Optimizer, keras.optimizers.schedules.LearningRateSchedule)
# By these Keras would import and call what a mapping names.
_IMPORTED_BY_KERAS = {"class_name", "module", "registered_name"}

_REGISTRATION = "__gin__.dynamic_registration"
_PACKAGES = {"tfsr", "tf_keras"}
_OF_GIN = {"gin.constant", "gin.macro", "gin.singleton"}

# Stand for a module that may be used whole, and for what gin puts in later.
_WHOLE, _REFERENCE = object(), object()


class Allowed:
    """The names that configurations may use.

    Args:
        more: additional modules that may be imported, with everything in and below them.
        only_used: whether the run is only used, not trained.
    """

    def __init__(self, more: Sequence[str], only_used: bool):
        self._whole = (*more, *(() if only_used else _TRAINS))
        self._only_used = only_used

    def check(self, text: str, source: str) -> None:
        """Check a configuration before gin reads it. Nothing that it names is called.

        Raises:
            UserError: a name is not allowed; the message gives `source` and the name.
        """
        names, registers = _References(), False
        symbols: dict[str, Any] = {}  # name -> module, as gin binds it
        for statement in config_parser.ConfigParser(text, names):
            if isinstance(statement, config_parser.ImportStatement):
                if statement.is_from and statement.module == _REGISTRATION:
                    registers = True
                    continue
                module = self._imported(statement, source)
                if registers:  # else gin binds no names
                    symbols[statement.bound_name()] = module
            elif self._only_used:
                _check_statement(statement, names.taken(), symbols, source)

    def _imported(self, statement: config_parser.ImportStatement, source: str) -> Any:
        """The object that an import binds. Importing runs code, so the name is checked first."""
        name = statement.module
        if any(f"{name}.".startswith(f"{whole}.") for whole in self._whole):
            return _WHOLE
        rooms = {name, name.rpartition(".")[0]} & _ROOMS
        if not self._only_used or not (rooms or name in _MODULES):
            who = "a run that is only used" if self._only_used else "a configuration"
            raise UserError(
                f"{source}: imports {name}, which {who} may do only if you allow it: if you trust "
                f"that code, give `allow_import` {name}"
            )
        module = importlib.import_module(name)
        by_its_first_name = not (statement.is_from or statement.alias)
        return sys.modules[name.partition(".")[0]] if by_its_first_name else module


class _References(config_parser.ParserDelegate):
    """Collects the names that a statement refers to."""

    def __init__(self) -> None:
        self._selectors: list[str] = []

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> object:
        self._selectors.append(scoped_configurable_name.rpartition("/")[2])
        return _REFERENCE

    def macro(self, macro_name: str) -> object:
        return _REFERENCE

    def taken(self) -> list[str]:
        """The names since the last call."""
        selectors, self._selectors = self._selectors, []
        return selectors


def _check_statement(
    statement: Any, selectors: list[str], symbols: Mapping[str, Any], source: str
) -> None:
    if isinstance(statement, config_parser.IncludeStatement):
        _check_included(statement.filename, source)
        return
    if isinstance(statement, config_parser.BlockDeclaration) or statement.arg_name:  # no macro
        selectors = [*selectors, statement.selector]
    for selector in selectors:
        if selector not in _OF_GIN and not _computes(selector, symbols):
            raise UserError(
                f"{source}: names {selector}, which is not allowed in a run that is only used; a "
                "class or function of your own needs `allow_import` with its module"
            )
    for key in _keys(getattr(statement, "value", None)):
        if not isinstance(key, str | int | float) or key in _IMPORTED_BY_KERAS:
            raise UserError(f"{source}: a mapping has the key {key}, which nothing of tfsr takes")


def _check_included(name: str, source: str) -> None:
    """Check that an included file is a configuration of tfsr, wherever gin would look first."""
    found = next((path for path in _places(name) if path.is_file()), None)
    own = [(folder / "configs").resolve() for folder in CONFIGS_LIE_IN]
    if found and not any(found.resolve().is_relative_to(folder) for folder in own):
        raise UserError(
            f"{source}: includes {name}, which is no configuration of tfsr; a run that is only "
            "used may include no other"
        )


def _places(name: str) -> Iterator[Path]:
    yield Path(name)
    yield from (folder / name for folder in CONFIGS_LIE_IN)


def _computes(selector: str, symbols: Mapping[str, Any]) -> bool:
    """Whether it is a class or function, defined in a module that may be imported."""
    first, *names = selector.split(".")
    found = symbols.get(first)
    if found is _WHOLE:
        return True
    for name in names:
        if not _is_inside(found):
            return False
        found = getattr(found, name, None)
    if inspect.isclass(found) and issubclass(found, _OF_KERAS):
        return True
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return False
    return found.__module__ in _MODULES or found.__module__.rpartition(".")[0] in _ROOMS


def _is_inside(found: Any) -> bool:
    """Whether names may be looked up in an object: a module of tfsr or of Keras."""
    return isinstance(found, ModuleType) and found.__name__.partition(".")[0] in _PACKAGES


def _keys(value: Any) -> Iterator[Any]:
    """The keys of all mappings in a value."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _keys(item)
