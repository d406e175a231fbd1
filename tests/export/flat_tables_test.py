import flatbuffers
import numpy as np
from flatbuffers.table import Table
from hypothesis import given
from hypothesis import strategies as st

from tfsr.export.flat_tables import written


def tables(field):
    return st.lists(field, max_size=4).map(tuple)


FIELDS = st.recursive(
    st.none() | st.text() | st.builds(np.uint8, st.integers(1, 255)) | st.just(np.uint32(48000)),
    lambda field: tables(field) | st.lists(tables(field), max_size=3),
    max_leaves=12,
)


def read(table: Table, like: tuple) -> tuple:
    """The fields of a table that was written from `like`."""
    return tuple(one(table, 4 + 2 * slot, field) for slot, field in enumerate(like))


def one(table: Table, slot: int, like):
    place = table.Offset(slot)
    if not place:
        return None
    place += table.Pos
    if isinstance(like, np.uint8 | np.uint32):
        flags = flatbuffers.number_types
        kind = flags.Uint8Flags if isinstance(like, np.uint8) else flags.Uint32Flags
        return type(like)(table.Get(kind, place))
    if isinstance(like, str):
        return table.String(place).decode()
    if isinstance(like, tuple):
        return read(Table(table.Bytes, table.Indirect(place)), like)
    start = table.Vector(place - table.Pos)
    places = [table.Indirect(start + 4 * number) for number in range(len(like))]
    assert table.VectorLen(place - table.Pos) == len(like)
    return [read(Table(table.Bytes, p), each) for p, each in zip(places, like, strict=True)]


@given(tables(FIELDS))
def test_what_was_written_is_read(fields):
    made = written(fields, b"M001")
    root = flatbuffers.encode.Get(flatbuffers.packer.uoffset, made, 0)
    assert made[4:8] == b"M001"
    assert read(Table(bytearray(made), root), fields) == fields
