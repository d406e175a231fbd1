"""Smaller numbers for a TensorFlow Lite file, chosen after training."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfsr.data.pipeline import Patches
from tfsr.export.exact_float16 import exact_float16
from tfsr.export.int8_weights import int8_weights

PATCHES = 100
"""Number of inputs for measuring ranges; TensorFlow Lite's guide recommends a few hundred."""


@dataclass(frozen=True)
class Quantization:
    """The types in which weights and activations are stored and computed; waveforms stay float32.

    TensorFlow Lite leaves tensors of fewer than 1,024 elements as they are. Weights in float16 and
    in int8 are widened before use. In dynamic_int8 an operation narrows the activations as they
    come, and multiplies them with narrow weights.

    Args:
        name: its name for users.
        weights: types of the stored weights other than int8.
        calibrated: whether activations are int8 too where there are kernels for it. Their ranges
            are measured beforehand, with representative inputs.
        finish: processing of the file that the converter has written.
        rounds: whether the converter narrows anything.
    """

    name: str
    weights: tuple[tf.DType, ...] = ()
    calibrated: bool = False
    finish: Callable[[bytes], bytes] = bytes
    rounds: bool = True

    def apply(
        self, converter: tf.lite.TFLiteConverter, signature: str, inputs: Iterable[np.ndarray]
    ) -> None:
        """Set up a converter for such a file.

        Args:
            signature: signature of the graph that takes the `inputs`.
            inputs: representative inputs if the kind is calibrated, float32 [batch, time] each.
        """
        if self.rounds:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = list(self.weights)
        if self.calibrated:
            feed = ((signature, {"audio": audio}) for audio in inputs)
            converter.representative_dataset = lambda: feed


QUANTIZATIONS = {
    kind.name: kind
    for kind in (
        Quantization("float16", (tf.float16,)),
        # For what float16 holds exactly, as the weights of presets.
        Quantization("exact_float16", finish=exact_float16, rounds=False),
        Quantization("int8", (tf.float16,), finish=int8_weights),
        Quantization("dynamic_int8"),
        Quantization("full_int8", calibrated=True),
    )
}


def representative(data: Patches, patches: int = PATCHES) -> Iterator[np.ndarray]:
    """Inputs as in training, float32 [1, time] each: the first patches of a run's own batches.

    Raises:
        UserError: the corpus does not exist.
    """
    batches = data.batches(0, -(-patches // data.batch)).as_numpy_iterator()
    rows = (row[np.newaxis] for batch in batches for row in batch["low"])
    return itertools.islice(rows, patches)
