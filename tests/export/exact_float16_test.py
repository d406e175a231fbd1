import h5py
import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from tfsr import model_folder
from tfsr.export.exact_float16 import exact_float16
from tfsr.export.model_files import write_tflite
from tfsr.export.tflite import convert, signatures
from tfsr.lite.interpreter import WholeRecordings
from tfsr.model_config import MODEL_TFLITE, STREAM_TFLITE, STREAMS_TFLITE, WEIGHTS


@pytest.fixture(scope="module")
def unet(upsamplers, tmp_path_factory):
    """One whose weights are float16 numbers, but for one."""
    folder = tmp_path_factory.mktemp("half") / "model"
    upsamplers["unet"].save(folder, half_precision=True)
    upsampler = model_folder.load(folder)
    kernel = upsampler.network.down[1].conv.kernel
    kernel.assign(kernel + 1e-6)
    return upsampler


def test_nothing_is_lost(unet, tmp_path, assert_equal):
    model = convert(signatures(unet))
    (tmp_path / "wide.tflite").write_bytes(model)
    (tmp_path / "half.tflite").write_bytes(exact_float16(model))
    wide, half = (WholeRecordings(tmp_path / f"{name}.tflite") for name in ("wide", "half"))
    low = np.float32(np.random.default_rng(0).normal(0, 0.1, [2, 300]))
    np.testing.assert_allclose(half(low), wide(low), rtol=0, atol=1e-6)
    assert_equal(unet, half)


def test_what_float16_does_not_hold_stays_as_it_is(unet):
    model = convert(signatures(unet))
    before, after = (stored(data) for data in (model, exact_float16(model)))
    assert before.keys() == {schema.TensorType.FLOAT32}
    kernel = int(np.prod(unet.network.down[1].conv.kernel.shape))
    assert after[schema.TensorType.FLOAT32] == [kernel]
    halves = after[schema.TensorType.FLOAT16]
    assert sorted([*halves, kernel]) == sorted(before[schema.TensorType.FLOAT32])
    assert len(model) - len(exact_float16(model)) > 1.8 * sum(halves)


def stored(model: bytes) -> dict[int, list[int]]:
    """Type -> sizes of the large constants."""
    content, found = flatbuffer_utils.convert_bytearray_to_object(model), {}
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            data = content.buffers[tensor.buffer].data
            size = int(np.prod(tensor.shape))
            if data is not None and size >= 1024:
                found.setdefault(tensor.type, []).append(size)
    return found


@pytest.mark.parametrize("half", [False, True])
def test_the_files_of_a_folder(streaming, tmp_path, assert_equal, half):
    streaming.save(tmp_path / "model", half_precision=half)
    files = write_tflite(tmp_path / "model")
    assert [path.name for path in files] == [MODEL_TFLITE, STREAM_TFLITE, STREAMS_TFLITE]
    with h5py.File(tmp_path / "model" / WEIGHTS) as file:
        assert (file["network/trunk/start/kernel"].dtype == np.float16) == half
    assert_equal(model_folder.load(tmp_path / "model"), WholeRecordings(files[0]))


def test_a_model_that_does_not_stream(upsamplers, tmp_path):
    upsamplers["unet"].save(tmp_path / "model")
    assert [path.name for path in write_tflite(tmp_path / "model")] == [MODEL_TFLITE]
