"""An upsampler as one TensorFlow Lite file, with metadata, for phones and other small machines."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from tfsr.complete import new_file
from tfsr.errors import UserError
from tfsr.export import metadata
from tfsr.export.saved_model import SIGNATURE, export_saved_model
from tfsr.upsamplers.base import Upsampler


def export_tflite(upsampler: Upsampler, path: str | os.PathLike, float16: bool = False) -> None:
    """Write a TensorFlow Lite file that needs the built-in operations only.

    Its signature is the SavedModel's (see `export_saved_model`); batch and time are resizable.

    Args:
        upsampler: with its weights.
        path: appears when everything is written; an older file there is replaced.
        float16: store the weights in half the space; they are widened to float32 for use.

    Raises:
        UserError: the network has operations that are not built in, or `path` cannot be written.
    """
    with new_file(path) as part:
        part.write_bytes(metadata.add(_convert(upsampler, float16), upsampler))


class Interpreter:
    """Runs an exported file as `Upsampler.upsample` runs, at any batch and time.

    Args:
        path: of the file.
        threads: CPU threads.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self._interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=threads)
        self._runner = self._interpreter.get_signature_runner(SIGNATURE)

    def __call__(self, low: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
        """float32 [batch, time] to [batch, ratio * time]; resizes the graph where it must."""
        inputs = {"audio": low} if noise is None else {"audio": low, "noise": noise}
        return self._runner(**inputs)["audio"]


def _convert(upsampler: Upsampler, float16: bool) -> bytes:
    # By way of a SavedModel: from_concrete_functions converts too, but fails when it is run.
    with tempfile.TemporaryDirectory() as folder:
        export_saved_model(upsampler, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, [SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            with _standard_error_muted():
                return converter.convert()
        except ConverterError as error:
            foreign = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
            if not foreign:
                raise
            raise UserError(
                f"{upsampler.name}: TensorFlow Lite has no built-in {', '.join(foreign)}; "
                "use --format saved_model"
            ) from error


@contextlib.contextmanager
def _standard_error_muted() -> Iterator[None]:
    """The converter writes notes and MLIR there from C++; what matters is in its exception."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
