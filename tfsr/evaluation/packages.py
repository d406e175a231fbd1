"""Packages of the extra `eval`, which some metrics need and not everybody has.

Such a metric names its package in an attribute `package`.
"""

import importlib
import logging
import types
from collections.abc import Mapping

from tfsr.errors import UserError
from tfsr.evaluation.metrics import Metric

_LOG = logging.getLogger("tfsr")


def load(package: str) -> types.ModuleType:
    """Import a package or a module of it; UserError where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise UserError(f"{name} is not installed: pip install 'tfsr[eval]'") from error


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
