"""Export an upsampler as one TensorFlow Lite file with metadata, for phones and small machines."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from ai_edge_litert import interpreter as litert
from tensorflow.lite.python.convert import ConverterError

from tfsr.atomic_files import new_file
from tfsr.errors import UserError
from tfsr.export import metadata, properties
from tfsr.export.quantization import Quantization
from tfsr.export.saved_model import SIGNATURE, save
from tfsr.upsamplers.base import GraphStreams, Signature, Upsampler


def export_tflite(
    upsampler: Upsampler,
    path: str | os.PathLike,
    quantization: Quantization | None = None,
    inputs: Iterable[np.ndarray] = (),
    streaming: bool = False,
    samples: int | None = None,
    many: bool = False,
) -> None:
    """Write a TensorFlow Lite file that needs the built-in operations only.

    Its signature "serving_default" maps {"audio": float32 [batch, time]} to {"audio": float32
    [batch, ratio * time]}. For upsamplers with noise it also takes {"noise": float32 [noise_steps,
    batch, ratio * time]}, standard normal. Batch and time are resizable. `samples` fixes them, for
    runtimes that cannot resize tensors.

    A file for streams has "step" and "initial_state" instead, for one stream. "step" maps {"audio":
    float32 [1, hop]} and the state by name to {"audio": float32 [1, ratio * hop]} and the next
    state. "initial_state" takes {"stream": int32 [1]}, any number, and gives the first state, which
    is zeros. With `many`, the first axis of all inputs of "step" is resizable: one step is for that
    many streams.

    Args:
        upsampler: with its weights; the training data on its card is stored in the properties.
        path: appears when everything is written; an older file there is replaced.
        quantization: None: everything is float32.
        inputs: representative inputs for a calibrated kind, float32 [batch, time] each.
        streaming: write a file for streams.
        samples: fixes the input to float32 [1, samples], with at least 1 sample. Any number is
            allowed: the graph itself pads to a multiple of the hop, and cuts the output.
        many: for streams: any number of them in a step, not one.

    Raises:
        UserError: the network has operations that are not built in, cannot be quantized in this
            way or does not stream. Or `path` cannot be written.
    """
    _check(upsampler, quantization, streaming, samples)
    if many and not streaming:
        raise UserError(f"{upsampler.name}: `many` is for streams; give `streaming` too")
    with new_file(path) as part, tempfile.TemporaryDirectory() as folder:
        answered = signatures(upsampler, streaming, samples, many)
        save(answered, folder)
        model = quantized(folder, quantization, inputs, list(answered), upsampler.name)
        part.write_bytes(metadata.add(model, properties.of(upsampler, samples)))


def _check(
    upsampler: Upsampler, quantization: Quantization | None, streaming: bool, samples: int | None
) -> None:
    """Raise UserError if the arguments do not fit together."""
    if samples is not None and (samples < 1 or streaming):
        raise UserError(
            f"{upsampler.name}: samples is {samples}: 1 at least, and not for streams, which take "
            "one hop in any case"
        )
    if quantization and quantization.calibrated and (upsampler.noise_steps or streaming or samples):
        raise UserError(
            f"{upsampler.name}: {quantization.name} is for recordings of any length, and for "
            "upsamplers that draw no noise; use `quantize` int8 or float16"
        )


def signatures(
    upsampler: Upsampler, streaming: bool = False, samples: int | None = None, many: bool = False
) -> dict[str, Signature]:
    """The signatures of a file: the SavedModel's without random draws, or those of streams."""
    if not streaming:
        name = "with_noise" if upsampler.noise_steps else SIGNATURE
        return {SIGNATURE: _of_length(upsampler.signatures[name], upsampler.ratio, samples)}
    streams = upsampler.streams
    if streams is None:
        raise UserError(
            f"{upsampler.name}: wants whole recordings; for streams train a causal network, such "
            "as configs/spectral/streaming.gin"
        )
    return {
        "step": streams.step_signature(batch=None if many else 1, hops=1),
        "initial_state": _initial_state(streams),
    }


def _of_length(signature: Signature, ratio: int, samples: int | None) -> Signature:
    """The signature for one recording of this many samples; None keeps any length."""
    if samples is None:
        return signature
    shapes = {"audio": [1, samples], "noise": [1, ratio * samples]}
    inputs = {
        name: tf.TensorSpec([*spec.shape[:-2], *shapes[name]], spec.dtype)
        for name, spec in signature.inputs.items()
    }
    return signature._replace(inputs=inputs)


def _initial_state(streams: GraphStreams) -> Signature:
    """The signature of one stream's first state, with an output for each part of the state."""
    state = streams.initial_state(1)

    def begin(stream: tf.Tensor) -> dict[str, tf.Tensor]:
        # Zeros that differ for the converter, which lets equal outputs share one tensor.
        number = tf.cast(stream, tf.float32)
        zeros = (tf.minimum(tf.maximum(number, least), 0) for least in range(len(state)))
        return {name: state[name] + zero for name, zero in zip(sorted(state), zeros, strict=True)}

    return Signature(begin, {"stream": tf.TensorSpec([1], tf.int32)})


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
    """A TensorFlow Lite file of some signatures of a SavedModel; errors name it `name`.

    A SavedModel takes long to make; files of all kinds can be made from the same one.

    Args:
        quantization, inputs: see `export_tflite`; the inputs are for the first signature.

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
        if "tensor list ops is failed" in str(error):
            foreign.append("loop over frames of any number, as GRUs have")
        if not foreign:
            raise
        raise UserError(
            f"{name}: TensorFlow Lite has no built-in {', '.join(foreign)}; "
            "use `format` saved_model"
        ) from error


def _calibrated(
    converter: tf.lite.TFLiteConverter, kind: str, inputs: Sequence[np.ndarray], name: str
) -> bytes:
    """Convert and try: the converter gives some operations types for which they have no kernel."""
    if not inputs:
        raise UserError(f"{name}: {kind} needs representative inputs; give some")
    try:
        model = _converted(converter, name)
        litert.Interpreter(model_content=model).get_signature_runner()(audio=inputs[0])
    except (ConverterError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{name}: TensorFlow Lite cannot run it in {kind} ({reason}); "
            "use `quantize` int8 or float16"
        ) from error
    return model


@contextlib.contextmanager
def _standard_error_muted() -> Iterator[None]:
    """Mute C++ notes of the converter and MLIR; its exception has what matters."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
