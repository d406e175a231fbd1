"""What apps read of the files that tests/export/tflite_test.py compares with these."""

from pathlib import Path

import numpy as np
import pytest

from tfsr import presets
from tfsr.lite import app_metadata

pytest.importorskip("tensorflow_lite_support", reason="its last wheels are for Python 3.11")

RECORDED = Path(__file__).parents[1] / "fixtures" / "app_metadata.npz"


@pytest.mark.parametrize("high, inputs", [(16000, ["audio"]), (24000, ["audio", "noise"])])
def test_what_is_recorded(high, inputs):
    with np.load(RECORDED) as recorded:
        found = app_metadata.parsed(recorded[str(high)].tobytes())
    assert found.name.decode() == f"tfsr 8000 to {high} Hz"
    assert b"8000 Hz" in found.description and b"above 4000 Hz" in found.description
    assert found.version and found.author
    assert found.license == b"Code: Apache-2.0. Training data: unknown"
    (graph,) = found.subgraphMetadata
    assert [tensor.name.decode() for tensor in graph.inputTensorMetadata] == inputs
    audio = graph.inputTensorMetadata[inputs.index("audio")].content.contentProperties
    assert (audio.sampleRate, audio.channels) == (8000, 1)
    (output,) = graph.outputTensorMetadata
    assert output.name == b"audio" and output.content.contentProperties.sampleRate == high


def test_a_preset():
    path = presets.folder() / "speech-16k-x2" / "model.tflite"
    assert app_metadata.read(path.read_bytes()).name == b"tfsr 8000 to 16000 Hz"
