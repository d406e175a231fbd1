"""An upsampler as one TensorFlow Lite file, with metadata, for phones and other small machines."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from tfsr.complete import new_file
from tfsr.errors import UserError
from tfsr.export import metadata, properties
from tfsr.export.quantization import Quantization
from tfsr.export.saved_model import SIGNATURE, save
from tfsr.upsamplers.base import Signature, Upsampler


def export_tflite(
    upsampler: Upsampler,
    path: str | os.PathLike,
    quantization: Quantization | None = None,
    inputs: Iterable[np.ndarray] = (),
    streaming: bool = False,
    sources: Sequence[properties.Source] = (),
) -> None:
    """Write a TensorFlow Lite file that needs the built-in operations only.

    Its signature "serving_default" makes of {"audio": float32 [batch, time]} {"audio": float32
    [batch, ratio * time]}; upsamplers that draw noise also want {"noise": float32 [noise_steps,
    batch, ratio * time]}, standard normal. Batch and time are resizable.

    One for streams has "initial_state" and "step" in its place, for one stream: {"audio": float32
    [1, hop]} and the state by name become {"audio": float32 [1, ratio * hop]} and the next state.
    It begins with the state of {"stream": int32 [1]}, any number.

    Args:
        upsampler: with its weights.
        path: appears when everything is written; an older file there is replaced.
        quantization: None: everything is float32.
        inputs: representative ones for a kind that is calibrated, float32 [batch, time] each.
        streaming: write one for streams.
        sources: what the upsampler was trained on, to stand among its properties.

    Raises:
        UserError: the network has operations that are not built in, cannot be quantized so or does
            not stream, or `path` cannot be written.
    """
    if quantization and quantization.calibrated and (upsampler.noise_steps or streaming):
        raise UserError(
            f"{upsampler.name}: {quantization.name} is for whole recordings, and for upsamplers "
            "that draw no noise; use `quantize` int8 or float16"
        )
    with new_file(path) as part, tempfile.TemporaryDirectory() as folder:
        answered = signatures(upsampler, streaming)
        save(answered, folder)
        model = quantized(folder, quantization, inputs, list(answered), upsampler.name)
        part.write_bytes(metadata.add(model, properties.of(upsampler, sources)))


def signatures(upsampler: Upsampler, streaming: bool = False) -> dict[str, Signature]:
    """Those of a file: that of the SavedModel which draws nothing, or those of streams."""
    if not streaming:
        name = "with_noise" if upsampler.noise_steps else SIGNATURE
        return {SIGNATURE: upsampler.signatures[name]}
    if upsampler.latency_ms is None:
        raise UserError(
            f"{upsampler.name}: wants whole recordings; for streams train a causal network, such "
            "as configs/spectral/streaming.gin"
        )
    return {
        "initial_state": upsampler.signatures["initial_state"],
        "step": upsampler.step_signature(batch=1, hops=1),
    }


class Interpreter:
    """Runs an exported file as `Upsampler.upsample` runs, at any batch and time.

    Args:
        path: of the file.
        threads: CPU threads.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self._interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=threads)
        self._runner = self._interpreter.get_signature_runner()  # there is one

    def __call__(self, low: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
        """float32 [batch, time] to [batch, ratio * time]; resizes the graph where it must."""
        inputs = {"audio": low} if noise is None else {"audio": low, "noise": noise}
        return self._runner(**inputs)["audio"]


def convert(signatures: Mapping[str, Signature]) -> bytes:
    """A TensorFlow Lite file of built-in operations with some signatures.

    Raises:
        UserError: there are operations that are not built in.
    """
    # By way of a SavedModel: from_concrete_functions converts too, but fails when it is run.
    with tempfile.TemporaryDirectory() as folder:
        save(signatures, folder)
        return _converted(_converter(folder, list(signatures)), "the graph")


def quantized(
    folder: str | os.PathLike,
    quantization: Quantization | None = None,
    inputs: Iterable[np.ndarray] = (),
    signatures: Sequence[str] = (SIGNATURE,),
    name: str = "the graph",
) -> bytes:
    """A TensorFlow Lite file of some signatures of a SavedModel; errors say `name`.

    A SavedModel takes long to make; all kinds of files can be made of one.

    Args:
        quantization, inputs: see `export_tflite`; the inputs are the first signature's.

    Raises:
        UserError: there are operations that are not built in, or that cannot be quantized so.
    """
    converter = _converter(folder, signatures)
    if quantization is None:
        return _converted(converter, name)
    inputs = list(inputs)
    quantization.apply(converter, signatures[0], inputs)
    if not quantization.calibrated:
        return quantization.finish(_converted(converter, name))
    return _calibrated(converter, quantization.name, inputs, name)


def _converter(folder: str | os.PathLike, signatures: Sequence[str]) -> tf.lite.TFLiteConverter:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signatures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _converted(converter: tf.lite.TFLiteConverter, name: str) -> bytes:
    try:
        with _standard_error_muted():
            return converter.convert()
    except ConverterError as error:
        foreign = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
        if not foreign:
            raise
        raise UserError(
            f"{name}: TensorFlow Lite has no built-in {', '.join(foreign)}; "
            "use `format` saved_model"
        ) from error


def _calibrated(
    converter: tf.lite.TFLiteConverter, kind: str, inputs: Sequence[np.ndarray], name: str
) -> bytes:
    """Tried as well: some operations are converted to types for which they have no kernel."""
    if not inputs:
        raise UserError(f"{name}: {kind} needs representative inputs; give some")
    try:
        model = _converted(converter, name)
        tf.lite.Interpreter(model_content=model).get_signature_runner()(audio=inputs[0])
    except (ConverterError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{name}: TensorFlow Lite cannot run it in {kind} ({reason}); "
            "use `quantize` int8 or float16"
        ) from error
    return model


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
