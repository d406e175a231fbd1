"""What an exported TensorFlow Lite file tells of itself.

>>> from tfsr import presets
>>> read_properties(presets.folder() / "speech-16k-x2" / "model.tflite")["input_rate"]
8000
"""

import os
import struct
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from tfsr import seal
from tfsr.errors import UserError

PROPERTIES = b"TFSR_PROPERTIES"
"""The metadata entry that holds them, as JSON."""


def read_properties(path: str | os.PathLike) -> seal.Properties:
    """What `export_tflite` wrote about a file: rates in Hz, hop, latency, licences and more.

    Args:
        path: of a TensorFlow Lite file. `tfsr.export.properties.of` names what it tells.

    Returns:
        The properties by name.

    Raises:
        UserError: the file cannot be read, is none of tfsr's, or has changed since.
    """
    try:
        model = Path(path).read_bytes()
        found = find(model, PROPERTIES)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    # What flatbuffers raises depends on which bytes of a file are wrong.
    except (AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise UserError(f"{path}: no TensorFlow Lite file of tfsr's, or damaged") from error
    return seal.parse(path, model, found)


def find(model: bytes, name: bytes) -> bytes:
    """The bytes of a metadata entry.

    Raises:
        KeyError: there is none of this name.
    """
    content = schema.Model.GetRootAs(model)
    entries = (content.Metadata(number) for number in range(content.MetadataLength()))
    places = {entry.Name(): entry.Buffer() for entry in entries}
    return content.Buffers(places[name]).DataAsNumpy().tobytes()
