"""What an app reads about a TensorFlow Lite file: the metadata that tflite-support defines.

Only tflite-support's schema is used, by its inner name. The package itself loads native libraries
that want libusb on the machine and refuse to share a process with TensorFlow's; and its own writer
knows only an older schema of the model.
"""

import flatbuffers
from tensorflow.lite.python import schema_py_generated as model_schema
from tensorflow.lite.tools import flatbuffer_utils
from tensorflow_lite_support.metadata import metadata_schema_py_generated as schema

import tfsr
from tfsr.export.properties import licences
from tfsr.lite.file import PROPERTIES, find
from tfsr.seal import Properties, entry, sealed

_ENTRY = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
_FIRST_PARSER_WITH_AUDIO = "1.3.0"
_OTHERS = {
    "noise": "Standard normal, [draws, batch, time of the output].",
    "stream": "Any number for each stream that begins.",
}


def add(model: bytes, properties: Properties) -> bytes:
    """The TensorFlow Lite file `model` with a description of itself inside, for apps and for tfsr.

    Args:
        model: with at least one signature.
        properties: as `tfsr.export.properties.of` gives them.
    """
    content = flatbuffer_utils.convert_bytearray_to_object(model)
    builder = flatbuffers.Builder()
    builder.Finish(_describe(properties, content).Pack(builder), _IDENTIFIER)
    _append(content, _ENTRY, bytes(builder.Output()))
    _append(content, PROPERTIES, entry(properties))
    return sealed(bytes(flatbuffer_utils.convert_object_to_bytearray(content)))


def read(model: bytes) -> schema.ModelMetadataT:
    """What apps read; strings are bytes.

    Raises:
        KeyError: the file has no such metadata.
    """
    data = find(model, _ENTRY)
    return schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(data))


def _append(content: model_schema.ModelT, name: bytes, data: bytes) -> None:
    buffer = model_schema.BufferT()
    buffer.data = data
    content.buffers.append(buffer)
    place = model_schema.MetadataT()
    place.name, place.buffer = name, len(content.buffers) - 1
    content.metadata.append(place)


def _describe(properties: Properties, content: model_schema.ModelT) -> schema.ModelMetadataT:
    low, high = properties["input_rate"], properties["output_rate"]
    model = schema.ModelMetadataT()
    model.name = f"tfsr {low} to {high} Hz"
    model.description = (
        f"Audio super-resolution: takes recordings at {low} Hz to {high} Hz and estimates the "
        f"frequencies above {low // 2} Hz."
    )
    model.version = tfsr.__version__
    model.author = "tfsr"
    model.license = f"Code: Apache-2.0. Training data: {licences(properties)}"
    model.minParserVersion = _FIRST_PARSER_WITH_AUDIO
    graphs = {signature.subgraphIndex: signature for signature in content.signatureDefs}
    model.subgraphMetadata = [
        _describe_graph(properties, graphs[number], graph)
        for number, graph in enumerate(content.subgraphs)
        if number in graphs  # others are the bodies of loops, and come after these
    ]
    return model


def _describe_graph(
    properties: Properties, signature: model_schema.SignatureDefT, graph: model_schema.SubGraphT
) -> schema.SubGraphMetadataT:
    """In the order of the graph's tensors, which the metadata must follow."""
    described = schema.SubGraphMetadataT()
    described.name = signature.signatureKey
    for side, rate in ("input", properties["input_rate"]), ("output", properties["output_rate"]):
        names = {t.tensorIndex: t.name.decode() for t in getattr(signature, f"{side}s")}
        tensors = [_tensor(names[index], rate) for index in getattr(graph, f"{side}s")]
        setattr(described, f"{side}TensorMetadata", tensors)
    return described


def _tensor(name: str, rate: int) -> schema.TensorMetadataT:
    tensor = schema.TensorMetadataT()
    tensor.name, tensor.content = name, schema.ContentT()
    if name == "audio":
        tensor.description = f"Waveforms at {rate} Hz, [batch, time], in [-1, 1]; resizable."
        kind, content = schema.ContentProperties.AudioProperties, schema.AudioPropertiesT()
        content.sampleRate, content.channels = rate, 1
    else:
        tensor.description = _OTHERS.get(name, "State of a stream, from one step to the next.")
        kind, content = schema.ContentProperties.FeatureProperties, schema.FeaturePropertiesT()
    tensor.content.contentPropertiesType, tensor.content.contentProperties = kind, content
    return tensor
