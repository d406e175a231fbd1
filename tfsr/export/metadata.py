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
from tfsr.upsamplers.base import Upsampler

_ENTRY = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
_FIRST_PARSER_WITH_AUDIO = "1.3.0"


def add(model: bytes, upsampler: Upsampler) -> bytes:
    """The TensorFlow Lite file `model` with a description of itself inside."""
    content = flatbuffer_utils.convert_bytearray_to_object(model)
    described = _describe(upsampler, _inputs(content))
    builder = flatbuffers.Builder()
    builder.Finish(described.Pack(builder), _IDENTIFIER)
    buffer = model_schema.BufferT()
    buffer.data = bytes(builder.Output())
    content.buffers.append(buffer)
    entry = model_schema.MetadataT()
    entry.name, entry.buffer = _ENTRY, len(content.buffers) - 1
    content.metadata.append(entry)
    return flatbuffer_utils.convert_object_to_bytearray(content)


def read(model: bytes) -> schema.ModelMetadataT:
    """What `add` wrote; strings are bytes.

    Raises:
        KeyError: the file has no such metadata.
    """
    content = flatbuffer_utils.convert_bytearray_to_object(model)
    places = {entry.name: entry.buffer for entry in content.metadata or []}
    data = bytes(content.buffers[places[_ENTRY]].data)
    return schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(data))


def _inputs(content: model_schema.ModelT) -> list[str]:
    """The signature's inputs in the order of the graph's, which the metadata must follow."""
    names = {tensor.tensorIndex: tensor.name.decode() for tensor in content.signatureDefs[0].inputs}
    return [names[index] for index in content.subgraphs[0].inputs]


def _describe(upsampler: Upsampler, inputs: list[str]) -> schema.ModelMetadataT:
    low, high, ratio = upsampler.input_rate, upsampler.output_rate, upsampler.ratio
    known = {
        "audio": _audio(low, f"Waveforms at {low} Hz, [batch, time], in [-1, 1]; resizable."),
        "noise": _noise(f"Standard normal, [{upsampler.noise_steps}, batch, {ratio} * time]."),
    }
    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [known[name] for name in inputs]
    graph.outputTensorMetadata = [_audio(high, f"The same at {high} Hz, [batch, {ratio} * time].")]
    model = schema.ModelMetadataT()
    model.name = f"tfsr {low} to {high} Hz"
    model.description = (
        f"Audio super-resolution: takes recordings at {low} Hz to {high} Hz and estimates the "
        f"frequencies above {low // 2} Hz."
    )
    model.version = tfsr.__version__
    model.author = "tfsr"
    model.license = "Apache-2.0 for the network's code; for the weights ask who trained them"
    model.minParserVersion = _FIRST_PARSER_WITH_AUDIO
    model.subgraphMetadata = [graph]
    return model


def _audio(rate: int, description: str) -> schema.TensorMetadataT:
    properties = schema.AudioPropertiesT()
    properties.sampleRate, properties.channels = rate, 1
    return _tensor("audio", description, schema.ContentProperties.AudioProperties, properties)


def _noise(description: str) -> schema.TensorMetadataT:
    kind = schema.ContentProperties.FeatureProperties
    return _tensor("noise", description, kind, schema.FeaturePropertiesT())


def _tensor(name: str, description: str, kind: int, properties) -> schema.TensorMetadataT:
    tensor = schema.TensorMetadataT()
    tensor.name, tensor.description = name, description
    tensor.content = schema.ContentT()
    tensor.content.contentPropertiesType, tensor.content.contentProperties = kind, properties
    return tensor
