"""An exported upsampler, read back."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfsr.errors import UserError
from tfsr.export import properties
from tfsr.export.saved_model import SIGNATURE
from tfsr.export.tflite import Interpreter
from tfsr.lite.file import read_properties


class Artifact:
    """A SavedModel or TensorFlow Lite file that is as it was exported.

    Args:
        path: what `export_saved_model` or `export_tflite` (not for streams) wrote.
        threads: of TensorFlow Lite.

    Attributes:
        properties: what it tells of itself, see `tfsr.export.properties.of`.

    Raises:
        UserError: it is not tfsr's, or has changed since.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self._path, folder = path, Path(path).is_dir()
        self.properties = properties.read(path) if folder else read_properties(path)
        self._run = self._saved_model() if folder else Interpreter(path, threads)

    def __call__(self, audio: np.ndarray, rate: int, noise: np.ndarray | None = None) -> np.ndarray:
        """Upsample.

        Args:
            audio: float32 [batch, time].
            rate: Hz, of `audio`.
            noise: float32 [noise_steps, batch, ratio * time], standard normal, where it is drawn.

        Returns:
            float32 [batch, ratio * time].

        Raises:
            UserError: another rate than the artifact's.
        """
        known = self.properties["input_rate"]
        if rate != known:
            raise UserError(
                f"{self._path}: takes audio at {known} Hz, not {rate}: resample it first"
            )
        return np.asarray(self._run(*(x for x in (audio, noise) if x is not None)))

    def _saved_model(self) -> Callable:
        model = tf.saved_model.load(str(self._path))
        name = "with_noise" if self.properties["noise_steps"] else SIGNATURE
        return functools.partial(_serve, model, name)


def _serve(model, name: str, *inputs: np.ndarray) -> tf.Tensor:
    """The model itself is an argument, for its signatures do not hold its weights."""
    named = zip(("audio", "noise"), map(tf.constant, inputs), strict=False)
    return model.signatures[name](**dict(named))["audio"]
