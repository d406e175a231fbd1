"""Parameters with which TensorFlow Serving batches requests to a model, if that is possible.

A server with `--enable_batching` and `--enable_per_model_batching_parameters` batches requests to
the models that have this file. It runs requests to other models one by one.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from tfsr.upsamplers.base import Signature

PARAMETERS = "batching_params.pbtxt"
"""File name in the SavedModel's folder, where the server looks for it."""

_TEXT = """\
# BatchingParameters. Recordings in a batch:
max_batch_size { value: 32 }
# How long the first of them waits for others:
batch_timeout_micros { value: 2000 }
# More are refused:
max_enqueued_batches { value: 100 }
# Padding would put a shorter recording's first sample after its end.
pad_variable_length_inputs: false
"""


def write(signatures: Mapping[str, Signature], folder: str | os.PathLike) -> None:
    """Write the parameters into a SavedModel's folder if its signatures are `batchable`."""
    if batchable(signatures):
        Path(folder, PARAMETERS).write_text(_TEXT)


def batchable(signatures: Mapping[str, Signature]) -> bool:
    """Whether every input begins with the batch axis.

    A server that batches concatenates inputs along it. It refuses requests with any input that has
    no such axis, and needs the same of each signature.
    """
    inputs = [spec for signature in signatures.values() for spec in signature.inputs.values()]
    return all(spec.shape.rank and spec.shape[0] is None for spec in inputs)
