from collections.abc import Callable

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfsr import seal


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
