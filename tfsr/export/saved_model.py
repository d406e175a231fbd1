"""Export an upsampler as a SavedModel: a graph from waveform to waveform, and its weights."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Mapping

import tensorflow as tf

from tfsr.atomic_files import new_folder
from tfsr.export import batching, properties, warm_up
from tfsr.upsamplers.base import Signature, Upsampler

SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
AT_RATE = "at_rate"


def export_saved_model(
    upsampler: Upsampler,
    folder: str | os.PathLike,
    warm_up_requests: bool = True,
) -> None:
    """Write a SavedModel with the upsampler's signatures.

    "serving_default" maps {"audio": float32 [batch, time]} to {"audio": float32
    [batch, ratio * time]}, any batch and time >= 1. For upsamplers with noise it also takes
    {"seed": int32 []}. They have a signature "with_noise" too. It takes {"noise": float32
    [noise_steps, batch, ratio * time]}, standard normal, instead of the seed.

    "at_rate" is "serving_default" that also takes {"rate": int32 [batch]}, in Hz. It fails with
    InvalidArgument if a rate is not the upsampler's, or is not given for each recording.

    Args:
        upsampler: with its weights.
        folder: must be new or empty; it appears when everything is written.
        warm_up_requests: also write requests that TensorFlow Serving runs before it serves, see
            `warm_up`.

    Raises:
        UserError: `folder` is not empty, or cannot be written.
    """
    with new_folder(folder) as part:
        answered = signatures(upsampler)
        save(answered, part)
        batching.write(answered, part)
        if warm_up_requests:
            with writing():
                warm_up.write(upsampler, answered, part)
        properties.write(part, properties.of(upsampler))


def signatures(upsampler: Upsampler) -> dict[str, Signature]:
    """The signatures of the SavedModel."""
    whole = upsampler.signatures[SIGNATURE]
    # Traced once for both.
    whole = whole._replace(function=tf.function(whole.function, autograph=False))
    at_rate = _at_rate(whole, upsampler.input_rate)
    return upsampler.signatures | {SIGNATURE: whole, AT_RATE: at_rate}


def _at_rate(whole: Signature, known: int) -> Signature:
    def checked(rate: tf.Tensor, **values: tf.Tensor) -> tf.Tensor:
        told, batch = tf.shape(rate)[0], tf.shape(values["audio"])[0]
        each = "rate must tell Hz for each recording: recordings, and rates, are", batch, told
        known_alone = f"this model takes audio at {known} Hz, not at", rate
        right = [
            tf.debugging.Assert(told == batch, each),
            tf.debugging.Assert(tf.reduce_all(rate == known), known_alone),
        ]
        with tf.control_dependencies(right):
            return whole.function(**tf.nest.map_structure(tf.identity, values))

    inputs = whole.inputs | {"rate": tf.TensorSpec([None], tf.int32)}
    return Signature(checked, inputs, {**whole.examples, "rate": known})


def save(signatures: Mapping[str, Signature], folder: str | os.PathLike) -> None:
    """Write a SavedModel with these signatures and nothing else.

    Raises:
        OSError: the folder cannot be written.
    """
    module = _Serving(signatures)
    with writing():
        tf.saved_model.save(module, str(folder), signatures=module.functions)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Turn TensorFlow's errors about a full or read-only disk into Python's."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = re.sub(r"^\{\{.*?\}\} | \[Op:\w+\].*$", "", error.message)
        raise OSError(errno.EIO, reason) from error


class _Serving(tf.Module):
    """The object to save: functions and their weights, without Keras or optimizers."""

    def __init__(self, signatures: Mapping[str, Signature]):
        super().__init__()
        self.functions = {name: _concrete(signature) for name, signature in signatures.items()}
        read = [variable for f in self.functions.values() for variable in f.graph.variables]
        self.weights = list({variable.ref(): variable for variable in read}.values())


def _concrete(signature: Signature) -> tf.types.experimental.ConcreteFunction:
    def named(**values: tf.Tensor) -> dict[str, tf.Tensor]:
        made = signature.function(**values)
        outputs = made if isinstance(made, dict) else {"audio": made}
        # Says so where the graph has lost that neither batch nor time is fixed.
        return {
            name: tf.ensure_shape(value, [None] * (value.shape.rank or 2))
            for name, value in outputs.items()
        }

    inputs = signature.inputs.items()
    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in inputs}
    return tf.function(named, autograph=False).get_concrete_function(**specs)
