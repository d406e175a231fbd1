"""An upsampler as a SavedModel: a graph from waveform to waveform, and its weights."""

import json
import os
from pathlib import Path

import tensorflow as tf

import tfsr
from tfsr.complete import new_folder
from tfsr.upsamplers.base import Upsampler

SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
PROPERTIES = Path("assets.extra", "tfsr.json")
"""Where the rates stand in a SavedModel; `assets.extra` is for files that no graph reads."""


def export_saved_model(upsampler: Upsampler, folder: str | os.PathLike) -> None:
    """Write a SavedModel with the signature `serving_default`.

    {"audio": float32 [batch, time]} -> {"audio": float32 [batch, ratio * time]}, any batch and
    time >= 1. Where `noise_steps` is not 0 it also takes
    {"noise": float32 [noise_steps, batch, ratio * time]}, standard normal.

    Args:
        upsampler: with its weights.
        folder: must not be there yet, or be empty; it appears when everything is written.

    Raises:
        UserError: `folder` holds something, or cannot be written.
    """
    with new_folder(folder) as part:
        module = _Serving(upsampler)
        tf.saved_model.save(module, str(part), signatures={SIGNATURE: module.serve})
        path = part / PROPERTIES
        path.parent.mkdir()
        path.write_text(json.dumps(_properties(upsampler), indent=2) + "\n")


class _Serving(tf.Module):
    """What is saved: one function and the weights that it reads, without Keras or optimizers."""

    def __init__(self, upsampler: Upsampler):
        super().__init__()
        function = tf.function(lambda **inputs: _serve(upsampler, **inputs))
        self.serve = function.get_concrete_function(**_inputs(upsampler))
        self.weights = self.serve.graph.variables


def _inputs(upsampler: Upsampler) -> dict[str, tf.TensorSpec]:
    inputs = {"audio": tf.TensorSpec([None, None], name="audio")}
    if upsampler.noise_steps:
        inputs["noise"] = tf.TensorSpec([upsampler.noise_steps, None, None], name="noise")
    return inputs


def _serve(
    upsampler: Upsampler, audio: tf.Tensor, noise: tf.Tensor | None = None
) -> dict[str, tf.Tensor]:
    high = upsampler.upsample(audio, noise)
    return {"audio": tf.ensure_shape(high, [None, None])}


def _properties(upsampler: Upsampler) -> dict:
    names = "input_rate", "output_rate", "ratio", "noise_steps", "receptive_field", "hop"
    return {"tfsr": tfsr.__version__} | {name: getattr(upsampler, name) for name in names}
