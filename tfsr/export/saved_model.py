"""An upsampler as a SavedModel: a graph from waveform to waveform, and its weights."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf

import tfsr
from tfsr.complete import new_folder
from tfsr.upsamplers.base import Signature, Upsampler

SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
PROPERTIES = Path("assets.extra", "tfsr.json")
"""Where the rates stand in a SavedModel; `assets.extra` is for files that no graph reads."""


def export_saved_model(upsampler: Upsampler, folder: str | os.PathLike) -> None:
    """Write a SavedModel with the upsampler's signatures.

    "serving_default" makes of {"audio": float32 [batch, time]} {"audio": float32
    [batch, ratio * time]}, any batch and time >= 1. Upsamplers that draw noise want a number more,
    {"seed": int32 []}, and have a signature "with_noise", which wants {"noise": float32
    [noise_steps, batch, ratio * time]}, standard normal, in its place.

    Args:
        upsampler: with its weights.
        folder: must not be there yet, or be empty; it appears when everything is written.

    Raises:
        UserError: `folder` holds something, or cannot be written.
    """
    with new_folder(folder) as part:
        save(upsampler.signatures, part)
        path = part / PROPERTIES
        path.parent.mkdir()
        path.write_text(json.dumps(_properties(upsampler), indent=2) + "\n")


def save(signatures: Mapping[str, Signature], folder: str | os.PathLike) -> None:
    """Write a bare SavedModel with some signatures."""
    module = _Serving(signatures)
    tf.saved_model.save(module, str(folder), signatures=module.functions)


class _Serving(tf.Module):
    """What is saved: functions and the weights that they read, without Keras or optimizers."""

    def __init__(self, signatures: Mapping[str, Signature]):
        super().__init__()
        self.functions = {name: _concrete(*signature) for name, signature in signatures.items()}
        read = [variable for f in self.functions.values() for variable in f.graph.variables]
        self.weights = list({variable.ref(): variable for variable in read}.values())


def _concrete(function: Callable, inputs: Mapping[str, tf.TensorSpec]) -> Callable:
    def named(**values: tf.Tensor) -> dict[str, tf.Tensor]:
        made = function(**values)
        outputs = made if isinstance(made, dict) else {"audio": made}
        # Says so where the graph has lost that neither batch nor time is fixed.
        return {
            name: tf.ensure_shape(value, [None] * (value.shape.rank or 2))
            for name, value in outputs.items()
        }

    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in inputs.items()}
    return tf.function(named).get_concrete_function(**specs)


def _properties(upsampler: Upsampler) -> dict:
    names = "input_rate", "output_rate", "ratio", "noise_steps", "receptive_field", "hop"
    return {"tfsr": tfsr.__version__} | {name: getattr(upsampler, name) for name in names}
