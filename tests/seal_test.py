import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr import seal
from tfsr.errors import UserError

VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.floats(0, 1))
PROPERTIES = st.dictionaries(st.text().filter(lambda name: name != "sha256"), VALUES)


def made(properties: dict) -> tuple[bytes, bytes]:
    """A sealed file, and the JSON within it."""
    file = seal.sealed(b"before" + seal.entry(properties) + b"after")
    return file, file.removeprefix(b"before").removesuffix(b"after")


@given(PROPERTIES)
def test_what_was_sealed_is_read(properties):
    assert seal.parse("a", *made(properties)) == properties


@given(PROPERTIES, st.data())
def test_any_other_byte_breaks_it(properties, data):
    file, entry = made(properties)
    place = data.draw(st.integers(0, len(file) - 1))
    other = file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]
    within = other[len(b"before") : len(b"before") + len(entry)]
    with pytest.raises(UserError, match=r"a: is not as it was exported \(SHA-256\)"):
        seal.parse("a", other, within)


def test_json_without_a_seal_is_no_entry():
    with pytest.raises(UserError, match="a: is not as it was exported"):
        seal.parse("a", b"{}", b"{}")
