"""Weights of a TensorFlow Lite file in int8, widened once when it is loaded; no activation is.

The converter's own kinds narrow activations too, and in the quiet bands that super-resolution fills
their noise is loud. It can store float16 weights with an operation that widens them; here the
stored ones become int8, with a scale for each output channel, and the operation widens these.
"""

from collections.abc import Iterator

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

# As TensorFlow Lite itself does: smaller ones are not worth their scales.
_FEWEST_ELEMENTS = 1024
_LARGEST = 127
# Of DEQUANTIZE, the first that knows a scale for each channel.
_VERSION = 5


def int8_weights(model: bytes) -> bytes:
    """A file with weights of 1,024 elements and more in int8, from one with weights in float16."""
    content = flatbuffer_utils.convert_bytearray_to_object(model)
    known = {}
    for tensor in _widened(content):
        if tensor.buffer not in known:
            buffer = content.buffers[tensor.buffer]
            values, known[tensor.buffer] = _quantized(tensor.shape, bytes(buffer.data))
            buffer.data = values
        tensor.type, tensor.quantization = schema.TensorType.INT8, known[tensor.buffer]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))


def _widened(content: schema.ModelT) -> Iterator[schema.TensorT]:
    """The large tensors in float16 that operations widen."""
    for graph in content.subgraphs:
        for operation in graph.operators:
            code = content.operatorCodes[operation.opcodeIndex]
            if code.builtinCode == schema.BuiltinOperator.DEQUANTIZE:
                code.version = max(code.version, _VERSION)
                tensor = graph.tensors[operation.inputs[0]]
                half = tensor.type == schema.TensorType.FLOAT16
                if half and np.prod(tensor.shape) >= _FEWEST_ELEMENTS:
                    yield tensor


def _quantized(shape: np.ndarray, data: bytes) -> tuple[np.ndarray, schema.QuantizationParametersT]:
    """Bytes, and how to read them: a scale for each index of the axis of output channels."""
    weights = np.frombuffer(data, np.float16).reshape(shape).astype(np.float32)
    # The first axis of all but depthwise kernels, which begin with an axis of 1.
    axis = 0 if shape[0] > 1 else len(shape) - 1
    others = tuple(other for other in range(len(shape)) if other != axis)
    largest = np.max(np.abs(weights), axis=others, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0) / _LARGEST
    parameters = schema.QuantizationParametersT()
    parameters.scale = scale.ravel().astype(np.float32)
    parameters.zeroPoint = np.zeros(scale.size, np.int64)
    parameters.quantizedDimension = axis
    values = np.round(weights / scale).astype(np.int8)
    return np.frombuffer(values.tobytes(), np.uint8), parameters
