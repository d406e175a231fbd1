"""Audio super-resolution (bandwidth extension) and speech restoration on TensorFlow.

    import tfsr
    wide, rate = tfsr.upsample(audio, 8000)
    tfsr.upsample_file("call.wav", "wide.wav")
    tfsr.restore_file("noisy.wav", "clean.wav")
    model = tfsr.load("speech-16k-x2")
    wide = model.upsample(audio, rate=8000)

`tfsr.load` takes the name of a trained model, which `tfsr list` lists, or a model of your own.
Upsampling works without TensorFlow. Training, evaluation and export need it: pip install
'tfsr[train]'.
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfsr.api import (
        compare,
        evaluate,
        load,
        restore,
        restore_file,
        score,
        upsample,
        upsample_file,
    )
    from tfsr.errors import UserError
    from tfsr.model import Model

__version__ = "0.1.0.dev0"

__all__ = [
    "Model",
    "UserError",
    "compare",
    "evaluate",
    "load",
    "restore",
    "restore_file",
    "score",
    "upsample",
    "upsample_file",
]

_PLACES = {"Model": "tfsr.model", "UserError": "tfsr.errors"}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that `import tfsr` takes no time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES.get(name, "tfsr.api")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Package(types.ModuleType):
    """When Python imports a module, it sets the module as an attribute of its package.

    `tfsr.upsample` names both a command's module and a function. This class keeps the function.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in __all__ or not isinstance(value, types.ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
