import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfsr.export
from tfsr.data.bundled import Bundled
from tfsr.data.pipeline import Patches
from tfsr.degradation.decimation import Decimate
from tfsr.errors import UserError
from tfsr.evaluation.metrics import Snr
from tfsr.export.quantization import QUANTIZATIONS, representative
from tfsr.export.tflite import export_tflite
from tfsr.lite.interpreter import WholeRecordings

FULL_INT8 = QUANTIZATIONS["full_int8"]


@pytest.fixture(scope="module")
def data():
    return Patches(Bundled(), Decimate(), 8000, 16000, patch=4096, batch=4)


@pytest.fixture(scope="module")
def full(upsamplers, tmp_path_factory):
    path = tmp_path_factory.mktemp("full") / "full.tflite"
    export_tflite(upsamplers["unet"], path)
    return path


def test_inputs_are_those_of_the_training(data):
    inputs = list(representative(data, 6))
    first = next(data.batches(0, 1).as_numpy_iterator())["low"]
    assert [audio.shape for audio in inputs] == [(1, 2048)] * 6
    np.testing.assert_array_equal(np.concatenate(inputs[:4]), first)


def test_activations_are_whole_numbers(upsamplers, data, full, tmp_path):
    path = tmp_path / "small.tflite"
    export_tflite(upsamplers["unet"], path, FULL_INT8, representative(data, 8))
    details = tf.lite.Interpreter(model_path=str(path)).get_tensor_details()
    low = next(representative(data, 1))[:, :1501]
    high = WholeRecordings(path)(low)
    assert np.int8 in {tensor["dtype"] for tensor in details}
    assert high.dtype == np.float32
    assert Snr()(WholeRecordings(full)(low)[0], high[0], 16000, 4000) > 20


def test_what_cannot_be_measured_is_refused(upsamplers, tmp_path):
    path = tmp_path / "small.tflite"
    with pytest.raises(UserError, match="full_int8 needs representative inputs"):
        export_tflite(upsamplers["unet"], path, FULL_INT8)
    with pytest.raises(UserError, match="full_int8 is for .* upsamplers that draw no noise"):
        export_tflite(upsamplers["drawing"], path, FULL_INT8, [np.zeros([1, 100], np.float32)])
    assert not path.exists()


def test_what_does_not_run_is_refused_in_one_line(upsamplers, tmp_path):
    flat = [np.zeros([100], np.float32)]
    with pytest.raises(UserError, match="cannot run it in full_int8 .*`quantize` int8") as raised:
        export_tflite(upsamplers["unet"], tmp_path / "x.tflite", FULL_INT8, flat)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_the_command_knows_all_kinds():
    program = (Path(tfsr.export.__file__).parent / "__main__.py").read_text()
    assert json.dumps(list(QUANTIZATIONS)) in program
