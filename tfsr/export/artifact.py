"""Load and run an exported upsampler."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfsr.errors import UserError
from tfsr.export import properties
from tfsr.export.graph_operations import require_harmless
from tfsr.export.saved_model import SIGNATURE
from tfsr.lite.file import read_properties
from tfsr.lite.interpreter import WholeRecordings


class Artifact:
    """A SavedModel or TensorFlow Lite file, after a check that it is unchanged.

    Args:
        path: the output of `export_saved_model` or `export_tflite` (not for streams).
        threads: number of threads of TensorFlow Lite.

    Attributes:
        properties: its description of itself, see `tfsr.export.properties.of`.

    Raises:
        UserError: it was not made by tfsr, or has changed since.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self._path, folder = path, Path(path).is_dir()
        self.properties = properties.read(path) if folder else read_properties(path)
        self._run = saved_model(path) if folder else WholeRecordings(path, threads)

    def __call__(self, audio: np.ndarray, rate: int, noise: np.ndarray | None = None) -> np.ndarray:
        """Upsample.

        Args:
            audio: float32 [batch, time].
            rate: Hz, of `audio`.
            noise: float32 [noise_steps, batch, ratio * time], standard normal, if the model uses
                noise.

        Returns:
            float32 [batch, ratio * time].

        Raises:
            UserError: the rate is not the artifact's, or the length is not its only one.
        """
        known = self.properties["input_rate"]
        if rate != known:
            raise UserError(
                f"{self._path}: takes audio at {known} Hz, not {rate}: resample it first"
            )
        fixed = self.properties["samples"]
        if fixed and np.shape(audio) != (1, fixed):
            raise UserError(
                f"{self._path}: takes one recording of {fixed} samples at a time, not "
                f"{list(np.shape(audio))}: cut it, or export without --samples"
            )
        return self._run(audio, noise)


def saved_model(path: str | os.PathLike) -> Callable[..., np.ndarray]:
    """The function of a SavedModel: of `audio`, and `noise` if the model uses noise.

    Raises:
        UserError: its graph could do more than compute.
    """
    require_harmless(path)
    model = tf.saved_model.load(os.fspath(path))
    name = "with_noise" if "with_noise" in model.signatures else SIGNATURE

    def run(audio: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
        inputs = {"audio": audio} | ({} if noise is None else {"noise": noise})
        # The model itself is held, for its signatures do not hold its weights.
        made = model.signatures[name](**{key: tf.constant(x) for key, x in inputs.items()})
        return made["audio"].numpy()

    return run
