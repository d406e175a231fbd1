"""Write FlatBuffers of a schema for which there is no generated code.

A table is a tuple of its fields in the schema's order. A field is a string, a table, a list of
tables, or a numpy number (uint8 or uint32). None leaves a field out.
"""

import flatbuffers
import numpy as np

Field = str | tuple | list[tuple] | np.uint8 | np.uint32 | None


def written(table: tuple[Field, ...], identifier: bytes) -> bytes:
    """A FlatBuffer whose root is the table.

    Args:
        table: see above.
        identifier: four bytes that name the schema.

    Example:
        >>> len(written(("a name", np.uint32(8000)), b"M001"))
        40
    """
    builder = flatbuffers.Builder()
    builder.Finish(_table(builder, table), identifier)
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, fields: tuple[Field, ...]) -> int:
    """The offset of a table; its parts must be written before."""
    places = [_target(builder, field) for field in fields]
    builder.StartObject(len(fields))
    for slot, (field, place) in enumerate(zip(fields, places, strict=True)):
        if isinstance(field, np.uint8):
            builder.PrependUint8Slot(slot, int(field), 0)
        elif isinstance(field, np.uint32):
            builder.PrependUint32Slot(slot, int(field), 0)
        elif field is not None:
            builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    return builder.EndObject()


def _target(builder: flatbuffers.Builder, field: Field) -> int | None:
    """The offset of a string, a table or a list; numbers are stored in the table itself."""
    if isinstance(field, str):
        return builder.CreateString(field)
    if isinstance(field, tuple):
        return _table(builder, field)
    return _vector(builder, field) if isinstance(field, list) else None


def _vector(builder: flatbuffers.Builder, tables: list[tuple]) -> int:
    places = [_table(builder, table) for table in tables]
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()
