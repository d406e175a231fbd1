"""Read the metadata of a TensorFlow Lite file for apps, in the schema of tflite-support.

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

from typing import Any

from tfsr import optional_imports
from tfsr.lite.file import find

ENTRY = b"TFLITE_METADATA"
"""The metadata entry with it, as a flatbuffer."""


def read(model: bytes) -> Any:
    """The `ModelMetadataT` of tflite-support in a file; its strings are bytes.

    Args:
        model: the bytes of a TensorFlow Lite file.

    Raises:
        KeyError: the file has no such metadata.
        UserError: tflite-support is not installed.
    """
    return parsed(find(model, ENTRY))


def parsed(entry: bytes) -> Any:
    """The `ModelMetadataT` of the entry alone."""
    schema = optional_imports.load("tensorflow_lite_support.metadata.metadata_schema_py_generated")
    return schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(entry))
