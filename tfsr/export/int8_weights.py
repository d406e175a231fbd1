"""Store weights of a TensorFlow Lite file in int8, widened once on loading; activations stay.

The converter's own kinds narrow activations too. The noise of this is loud in the quiet bands that
super-resolution fills. The converter can store float16 weights with an operation that widens them.
Here these weights become int8, with a scale for each output channel, and the operation widens them.
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
    """Convert a file's float16 weights to int8, those of 1,024 elements and more."""
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
    """The large float16 tensors that operations widen."""
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
    """The int8 bytes and their quantization: a scale for each output channel."""
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
