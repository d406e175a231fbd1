"""The conventions of published figures, by name.

Only a protocol decides with which reference an estimate is compared, and how the low-rate signal is
made. It also decides which interpolations stand beside it, and how the columns are defined.
"""

import importlib
import os
import sys

from tfsr.errors import UserError
from tfsr.evaluation.protocol_names import listed
from tfsr.evaluation.protocols import (
    aero,
    apbwe,
    audiosr,
    early,
    nuwave,
    own,
    ssr_eval,
    udm,
    universr,
    voicefixer,
)
from tfsr.evaluation.protocols.protocol import Protocol

__all__ = ["PROTOCOLS", "Protocol", "named"]

_MODULES = (own, early, nuwave, udm, aero, apbwe, universr, audiosr, voicefixer, ssr_eval)

PROTOCOLS = {protocol.name: protocol for module in _MODULES for protocol in module.PROTOCOLS}


def named(name: str) -> Protocol:
    """A protocol by its name, or "module:attribute", which is imported.

    Args:
        name: one of `PROTOCOLS`, or the place of one of your own. Its module is found as Python
            finds modules, and in the current folder.

    Raises:
        UserError: there is no such name, module or attribute, or it is no Protocol.
    """
    if ":" in name:
        return _imported(name)
    if name not in PROTOCOLS:
        raise UserError(f"unknown protocol {name}: choose one of {listed()}; or module:name")
    return PROTOCOLS[name]


def _imported(name: str) -> Protocol:
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:  # the command tfsr does not search there by itself
        sys.path.append(os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except (ImportError, TypeError, ValueError) as error:  # none, a relative or an empty name
        raise UserError(f"protocol {name}: {error}") from error
    if not isinstance(found, Protocol):
        raise UserError(f"protocol {name}: {module} has no Protocol of the name {attribute!r}")
    return found
