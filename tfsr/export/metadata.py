"""Metadata of a TensorFlow Lite file for apps, in the format of tflite-support.

It is written without tflite-support, which exists for Python 3.11 at most. Its native libraries
need libusb on the machine, and cannot be in one process with TensorFlow's. Its own writer knows
only an older schema of the model. `tfsr.lite.app_metadata` reads the metadata as apps do.

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

import numpy as np
from ai_edge_litert import schema_py_generated as model_schema
from ai_edge_litert.tools import flatbuffer_utils

import tfsr
from tfsr.export.flat_tables import written
from tfsr.export.properties import licences
from tfsr.lite.app_metadata import ENTRY
from tfsr.lite.file import PROPERTIES
from tfsr.seal import Properties, entry, sealed

_IDENTIFIER = b"M001"
_FIRST_PARSER_WITH_AUDIO = "1.3.0"
# The members of the schema's union ContentProperties.
_FEATURE, _AUDIO = np.uint8(1), np.uint8(4)
_OTHERS = {
    "noise": "Standard normal, [draws, batch, time of the output].",
    "stream": "Any number for each stream that begins.",
}


def add(model: bytes, properties: Properties) -> bytes:
    """Add a description to the TensorFlow Lite file `model`, for apps and for tfsr.

    Args:
        model: a file with at least one signature.
        properties: from `tfsr.export.properties.of`.
    """
    content = flatbuffer_utils.convert_bytearray_to_object(model)
    _append(content, ENTRY, written(_describe(properties, content), _IDENTIFIER))
    _append(content, PROPERTIES, entry(properties))
    return sealed(bytes(flatbuffer_utils.convert_object_to_bytearray(content)))


def _append(content: model_schema.ModelT, name: bytes, data: bytes) -> None:
    buffer = model_schema.BufferT()
    buffer.data = data
    content.buffers.append(buffer)
    place = model_schema.MetadataT()
    place.name, place.buffer = name, len(content.buffers) - 1
    content.metadata.append(place)


def _describe(properties: Properties, content: model_schema.ModelT) -> tuple:
    """The table ModelMetadata."""
    low, high = properties["input_rate"], properties["output_rate"]
    graphs = {signature.subgraphIndex: signature for signature in content.signatureDefs}
    described = [
        _describe_graph(properties, graphs[number], graph)
        for number, graph in enumerate(content.subgraphs)
        if number in graphs  # others are the bodies of loops, and come after these
    ]
    about = (
        f"Audio super-resolution: takes recordings at {low} Hz to {high} Hz and estimates the "
        f"frequencies above {low // 2} Hz."
    )
    licence = f"Code: Apache-2.0. Training data: {licences(properties)}"
    head = f"tfsr {low} to {high} Hz", about, tfsr.__version__
    return *head, described, "tfsr", licence, None, _FIRST_PARSER_WITH_AUDIO


def _describe_graph(
    properties: Properties, signature: model_schema.SignatureDefT, graph: model_schema.SubGraphT
) -> tuple:
    """SubGraphMetadata, in the order of the graph's tensors, as the format requires."""
    described = [signature.signatureKey.decode(), None]
    resizable = properties["samples"] is None and signature.signatureKey == b"serving_default"
    size = "resizable" if resizable else "of fixed size"
    for side, rate in ("input", properties["input_rate"]), ("output", properties["output_rate"]):
        names = {t.tensorIndex: t.name.decode() for t in getattr(signature, f"{side}s")}
        tensors = [_tensor(names[index], rate, size) for index in getattr(graph, f"{side}s")]
        described.append(tensors)
    return tuple(described)


def _tensor(name: str, rate: int, size: str) -> tuple:
    """TensorMetadata, whose fourth field is Content."""
    if name == "audio":
        about = f"Waveforms at {rate} Hz, [batch, time], in [-1, 1]; {size}."
        return name, about, None, (_AUDIO, (np.uint32(rate), np.uint32(1)))
    about = _OTHERS.get(name, "State of a stream, from one step to the next.")
    return name, about, None, (_FEATURE, ())
