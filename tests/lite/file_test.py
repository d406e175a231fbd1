import numpy as np
import pytest

from tfsr import seal
from tfsr.errors import UserError
from tfsr.lite.file import find, read_properties

PROPERTIES = {
    **{"tfsr": "1.0", "input_rate": 8000, "output_rate": 16000, "training_data": []},
    **{"peaks": [0.5, 1.0], "context": None},
}


@pytest.fixture
def model(model_with) -> bytes:
    return model_with(OTHER=b"123", TFSR_PROPERTIES=seal.entry(PROPERTIES))


def test_properties_are_read(model, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(model)
    assert read_properties(path) == read_properties(str(path)) == PROPERTIES


def test_entries_are_found_by_name(model):
    assert find(model, b"OTHER") == b"123"
    with pytest.raises(KeyError):
        find(model, b"MISSING")


def test_every_damage_is_told(model, tmp_path):
    path = tmp_path / "a.tflite"
    for place in range(4, len(model)):
        for bit in 0, 7:
            damaged = bytearray(model)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(UserError, match="a.tflite: (is not as it was|no TensorFlow Lite)"):
                read_properties(path)
        path.write_bytes(model[:place])
        with pytest.raises(UserError, match="a.tflite: (is not as it was|no TensorFlow Lite)"):
            read_properties(path)


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(5000)])
def test_what_is_no_model_of_tfsrs(tmp_path, content, model_with):
    path = tmp_path / "a.tflite"
    for other in content, model_with(OTHER=b"123"), model_with(TFSR_PROPERTIES=b""):
        path.write_bytes(other)
        with pytest.raises(UserError, match="a.tflite: (no TensorFlow Lite file|is not as it)"):
            read_properties(path)


@pytest.mark.parametrize("name", ["missing.tflite", ""])
def test_what_cannot_be_read(tmp_path, name):
    with pytest.raises(UserError, match="cannot be read"):
        read_properties(tmp_path / name)


def test_entries_are_as_they_were_put(model_with):
    data = np.random.default_rng(0).bytes(1000)
    assert find(model_with(OTHER=data), b"OTHER") == data
