"""The description that an exported TensorFlow Lite file has of itself.

>>> from tfsr import presets
>>> read_properties(presets.folder() / "speech-16k-x2" / "model.tflite")["input_rate"]
8000
"""

import os
import struct
from collections.abc import Mapping
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from tfsr import seal
from tfsr.errors import UserError
from tfsr.model_card import Kind, ModelCard, check

PROPERTIES = b"TFSR_PROPERTIES"
"""The metadata entry with the properties, as JSON."""

_NUMBER = (int, float, type(None))
_KINDS: Mapping[str, Kind] = {
    **{name: int for name in ("input_rate", "output_rate", "ratio", "hop", "chunk")},
    **{name: int for name in ("noise_steps", "condition_field", "fade")},
    **{name: (int, type(None)) for name in ("receptive_field", "context", "samples")},
    **{"frame_rate": _NUMBER, "latency_ms": _NUMBER, "peaks": (list, type(None))},
    **{"restores": bool, "tfsr": str, "training_data": list},
}
_POSITIVE = "input_rate", "output_rate", "ratio", "hop", "chunk", "samples"


def read_properties(path: str | os.PathLike) -> seal.Properties:
    """The properties that `export_tflite` stored: rates in Hz, hop, latency, licences and more.

    Args:
        path: of a TensorFlow Lite file. `tfsr.export.properties.of` names the properties.

    Returns:
        The properties by name.

    Raises:
        UserError: the file cannot be read, was not made by tfsr, or has changed since.
    """
    try:
        model = Path(path).read_bytes()
        found = find(model, PROPERTIES)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    # What flatbuffers raises depends on which bytes of a file are wrong.
    except (AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise UserError(f"{path}: no TensorFlow Lite file of tfsr's, or damaged") from error
    return checked_kinds(path, seal.parse(path, model, found))


def checked_kinds(path: str | os.PathLike, properties: seal.Properties) -> seal.Properties:
    """The properties, after a check of the types of those that tfsr knows.

    Raises:
        UserError: a property has another type; the message names it.
    """
    known = {name: value for name, value in properties.items() if name in _KINDS}
    needed = "input_rate", "output_rate", "training_data"
    try:
        check(known, _KINDS, "properties", needed)
        for name in _POSITIVE:
            value = known.get(name)
            if value is not None and value < 1:
                raise UserError(f"properties.{name}: wants a number above 0, not {value}")
        ModelCard.from_data({"training_data": known["training_data"]}, "properties")
    except UserError as error:
        raise UserError(f"{path}: {error}; export it again") from error
    return properties


def find(model: bytes, name: bytes) -> bytes:
    """The bytes of a metadata entry.

    Raises:
        KeyError: there is none of this name.
    """
    content = schema.Model.GetRootAs(model)
    entries = (content.Metadata(number) for number in range(content.MetadataLength()))
    places = {entry.Name(): entry.Buffer() for entry in entries}
    return content.Buffers(places[name]).DataAsNumpy().tobytes()
