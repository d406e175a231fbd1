from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfsr import seal

if TYPE_CHECKING:
    from tfsr.upsamplers.base import Upsampler


@pytest.fixture(scope="session")
def model_with() -> Callable[..., bytes]:
    """A function that makes an empty model with metadata entries, of which some are sealed."""

    def model_with(**entries: bytes) -> bytes:
        content = schema.ModelT()
        content.buffers, content.metadata = [schema.BufferT()], []
        for name, data in entries.items():
            buffer, place = schema.BufferT(), schema.MetadataT()
            buffer.data, place.name, place.buffer = data, name, len(content.buffers)
            content.buffers.append(buffer)
            content.metadata.append(place)
        builder = flatbuffers.Builder()
        builder.Finish(content.Pack(builder), b"TFL3")
        return seal.sealed(bytes(builder.Output()))

    return model_with


@pytest.fixture(scope="session")
def export(tmp_path_factory) -> Callable[..., Path]:
    """A function that writes a file of an upsampler."""
    from tfsr.export.tflite import export_tflite  # which the light installation cannot

    def export(upsampler: "Upsampler", **how: bool) -> Path:
        path = tmp_path_factory.mktemp("exported") / "model.tflite"
        export_tflite(upsampler, path, **how)
        return path

    return export


@pytest.fixture(scope="session")
def exported(streaming, export) -> Path:
    """`streaming` for whole recordings."""
    return export(streaming)


@pytest.fixture(scope="session")
def for_streams(streaming, export) -> Path:
    return export(streaming, streaming=True)


@pytest.fixture(scope="session")
def for_many(streaming, export) -> Path:
    return export(streaming, streaming=True, many=True)
