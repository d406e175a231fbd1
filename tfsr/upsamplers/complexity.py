"""The size and the cost of an upsampler, counted on its graph."""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tfsr.upsamplers.base import Upsampler


@dataclasses.dataclass(frozen=True)
class Complexity:
    """Counts of one upsampler.

    Attributes:
        parameters: trainable weights that upsampling reads, also those of a part trained
            separately; `fixed_parameters`: the other weights that it reads (running statistics).
        training_parameters: trainable weights used only in training, such as a critic's.
        multiply_adds: of convolutions and matrix products, per second of audio, one channel.
        receptive_field, hop: input samples, see `Upsampler`.
        weight_bytes: size of the weights that upsampling reads, in float32.
        training_bytes: all weights, gradients and Adam's two moments in float32.
        activation_bytes: results of convolutions and matrix products, per second of audio.
    """

    parameters: int
    fixed_parameters: int
    training_parameters: int
    multiply_adds: int
    receptive_field: int | None
    hop: int
    weight_bytes: int
    training_bytes: int
    activation_bytes: int


def complexity(upsampler: Upsampler) -> Complexity:
    """Count the cost of upsampling one second (rounded up to whole hops, then scaled back)."""
    upsampler.initialize()
    samples = math.ceil(upsampler.input_rate / upsampler.hop) * upsampler.hop
    share = upsampler.input_rate / samples
    graph = _graph(upsampler, samples)
    read = {weight.ref() for weight in graph.variables}
    trainable = _size(weight for weight in graph.variables if weight.trainable)
    fixed = _size(weight for weight in graph.variables if not weight.trainable)
    products = list(_products(graph))
    return Complexity(
        parameters=trainable,
        fixed_parameters=fixed,
        training_parameters=_size(w for w in upsampler.trainable_weights if w.ref() not in read),
        multiply_adds=round(share * sum(multiply_adds for multiply_adds, _ in products)),
        receptive_field=upsampler.receptive_field,
        hop=upsampler.hop,
        weight_bytes=4 * (trainable + fixed),
        training_bytes=4 * (_size(upsampler.weights) + 3 * _size(upsampler.trainable_weights)),
        activation_bytes=round(4 * share * sum(elements for _, elements in products)),
    )


def _size(weights: Iterable[tf.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _graph(upsampler: Upsampler, samples: int) -> tf.Graph:
    low = tf.TensorSpec([1, samples])
    noise = tf.TensorSpec([upsampler.noise_steps, 1, samples * upsampler.ratio])
    return tf.function(upsampler.chain, autograph=False).get_concrete_function(low, noise).graph


def _products(graph: tf.Graph):
    """(multiply-adds, output elements) of every convolution and matrix product."""
    for operation in graph.get_operations():
        if operation.type in ("Conv2D", "MatMul", "BatchMatMulV2", "DepthwiseConv2dNative"):
            elements = int(np.prod(operation.outputs[0].shape.as_list()))
            yield elements * _sum_length(operation), elements


def _sum_length(operation: tf.Operation) -> int:
    """Number of products that are summed for one output element."""
    kernel = operation.inputs[1].shape.as_list()
    if operation.type == "Conv2D":
        return math.prod(kernel[:-1])
    if operation.type == "DepthwiseConv2dNative":
        return math.prod(kernel[:2])
    transposed = "transpose_b" if operation.type == "MatMul" else "adj_y"
    return kernel[-1] if operation.get_attr(transposed) else kernel[-2]
