"""Optional packages, and the extra that installs each.

If one is missing, one line says so, with the command that installs it.
"""

import contextlib
import importlib
import logging
import sys
import types
from collections.abc import Iterator, Mapping
from typing import TypeVar

from tfsr.errors import UserError

_LOG = logging.getLogger("tfsr")

# Extra -> what is imported of it -> what people call it.
_EXTRAS = {
    "train": {
        **{"tensorflow": "TensorFlow", "tf_keras": "tf_keras"},
        **{"tensorflow_probability": "TensorFlow Probability", "gin": "gin-config"},
        **{"tensorflow_serving": "tensorflow-serving-api", "librosa": "librosa"},
        **{name: name for name in ("h5py", "matplotlib", "pyroomacoustics")},
    },
    "io": {"tensorflow_io": "tensorflow-io"},
    "metadata": {"tensorflow_lite_support": "tflite-support"},
    "eval": {name: name for name in ("onnxruntime", "pesq", "pystoi", "speechmos", "visqol")}
    | {"skimage": "skimage"},
    "listeners": {"distillmos": "distillmos"},
    "live": {"sounddevice": "sounddevice"},
    "beam": {"apache_beam": "Apache Beam"},
}
_KNOWN = {
    package: (name, extra) for extra, names in _EXTRAS.items() for package, name in names.items()
}

# Package -> what it imports for its command line alone. torchaudio's usual build wants CUDA and
# does not load beside PyTorch's build for processors.
_UNUSED = {"distillmos": "torchaudio"}

_T = TypeVar("_T")


def load(module: str) -> types.ModuleType:
    """Import a module of an optional package.

    Args:
        module: its full name, such as "pesq" or "skimage.metrics".

    Raises:
        UserError: its package, or a package that it needs, cannot be imported.
    """
    package = module.partition(".")[0]
    try:
        with _without(_UNUSED.get(package)):
            return importlib.import_module(module)
    except ImportError as error:
        name, extra = _KNOWN[package]
        raise UserError(f"{name} is not installed: {_install(extra)}") from error


def available(columns: Mapping[str, _T]) -> dict[str, _T]:
    """The columns whose packages are installed. The log names those left out.

    Args:
        columns: name -> metric; its attribute `package` may name a package that it needs.
    """
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
def needed_by(what: str) -> Iterator[None]:
    """Within it, an import of an optional package that is not installed raises UserError.

    Args:
        what: the command or function that needs them; the message begins with it.

    Raises:
        UserError: such as "train needs TensorFlow: pip install 'tfsr[train]'".
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _KNOWN:
            raise
        name, extra = _KNOWN[package]
        raise UserError(f"{what} needs {name}: {_install(extra)}") from error


def _install(extra: str) -> str:
    return f"pip install 'tfsr[{extra}]'"


@contextlib.contextmanager
def _without(module: str | None) -> Iterator[None]:
    """Within it, imports find an empty module of this name, unless it is already imported."""
    if module is None or module in sys.modules:
        yield
        return
    sys.modules[module] = types.ModuleType(module)
    try:
        yield
    finally:
        del sys.modules[module]
