"""Columns whose metrics need packages that not everybody has.

Such a metric names its package in an attribute `package`.
"""

import logging
from collections.abc import Mapping

from tfsr.errors import UserError
from tfsr.evaluation.metrics import Metric
from tfsr.optional_imports import load

_LOG = logging.getLogger("tfsr")


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
