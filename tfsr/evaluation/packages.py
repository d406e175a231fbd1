"""Packages of the extras `eval` and `listeners`, which some metrics need and not everybody has.

Such a metric names its package in an attribute `package`.
"""

import contextlib
import importlib
import logging
import sys
import types
from collections.abc import Iterator, Mapping

from tfsr.errors import UserError
from tfsr.evaluation.metrics import Metric

_LOG = logging.getLogger("tfsr")

# Package -> extra that installs it; all others are in `eval`.
_EXTRAS = {"distillmos": "listeners"}

# Package -> what it imports for its command line alone. torchaudio's usual build wants CUDA and
# does not load beside PyTorch's build for processors.
_UNUSED = {"distillmos": "torchaudio"}


def load(package: str) -> types.ModuleType:
    """Import a package or a module of it; UserError where it is not installed."""
    name = package.partition(".")[0]
    try:
        with _without(_UNUSED.get(name)):
            return importlib.import_module(package)
    except ImportError as error:
        extra = _EXTRAS.get(name, "eval")
        raise UserError(f"{name} is not installed: pip install 'tfsr[{extra}]'") from error


def available(columns: Mapping[str, Metric]) -> dict[str, Metric]:
    """The columns whose packages are installed; the log tells which ones are left out."""
    kept = {}
    for column, metric in columns.items():
        package = getattr(metric, "package", None)
        try:
            if package:
                load(package)
            kept[column] = metric
        except UserError as error:
            _LOG.warning("no %s: %s", column, error)
    return kept


@contextlib.contextmanager
def _without(module: str | None) -> Iterator[None]:
    """Imports find an empty module of this name, unless it has been imported before."""
    if module is None or module in sys.modules:
        yield
        return
    sys.modules[module] = types.ModuleType(module)
    try:
        yield
    finally:
        del sys.modules[module]
