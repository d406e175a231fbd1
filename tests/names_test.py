import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tfsr.names import fitting, shown, temporary


@given(stem=st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=300))
def test_names_fit(stem):
    try:
        os.fsencode(stem)
    except UnicodeEncodeError:
        return
    name = fitting(stem, ".tfsr.wav")
    assert len(os.fsencode(name)) <= 255 and name.endswith(".tfsr.wav")
    assert stem.startswith(name.removesuffix(".tfsr.wav"))
    part = temporary(Path("folder", name))
    assert len(os.fsencode(part.name)) <= 255 and part.parent == Path("folder")
    assert part != temporary(Path("folder", f"x{name[1:]}")) or name[0] == "x"


def test_what_is_shown_is_one_line():
    assert shown("a\nb\tc\udce9 é") == "a\\nb\\tc\\udce9 é"
    assert shown("a\nb\x1b[2J\x9b", kept="\n") == "a\nb\\x1b[2J\\x9b"
