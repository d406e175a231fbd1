import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert import interpreter as litert

import tfsr
from tfsr.errors import UserError
from tfsr.export.artifact import Artifact
from tfsr.export.quantization import QUANTIZATIONS
from tfsr.export.tflite import convert, export_tflite
from tfsr.lite.app_metadata import ENTRY
from tfsr.lite.file import find
from tfsr.lite.interpreter import WholeRecordings
from tfsr.upsamplers.base import Signature

RECORDED = Path(__file__).parents[1] / "fixtures" / "app_metadata.npz"


@pytest.fixture(scope="module", params=["unet", "drawing"])
def exported(request, upsamplers, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "deep" / "voice.tflite"
    export_tflite(upsamplers[request.param], path)
    return upsamplers[request.param], path


def operations(path) -> set[str]:
    details = tf.lite.Interpreter(model_path=str(path))._get_ops_details()
    return {operation["op_name"] for operation in details}


def test_equals_keras(exported, assert_equal):
    upsampler, path = exported
    assert_equal(upsampler, WholeRecordings(path))


def test_the_loop_that_a_gru_needs_is_told_as_what_is_lacking():
    gru = keras.layers.GRU(1, return_sequences=True)
    inputs = {"audio": tf.TensorSpec([None, None, 1])}
    with pytest.raises(UserError, match="no built-in loop over frames.*use `format` saved_model"):
        convert({"serving_default": Signature(lambda audio: gru(audio), inputs)})


def test_more_threads_change_nothing(exported, assert_equal):
    upsampler, path = exported
    assert_equal(upsampler, WholeRecordings(path, threads=2))


def test_only_operations_that_are_built_in(exported):
    found = operations(exported[1])
    assert {"RESHAPE", "CONV_2D"} <= found
    assert not {name for name in found if name.startswith("Flex") or name == "CUSTOM"}


def test_resizable_without_signatures_too(upsamplers, tmp_path):
    upsampler, path = upsamplers["unet"], tmp_path / "voice.tflite"
    export_tflite(upsampler, path)
    interpreter = tf.lite.Interpreter(model_path=str(path))
    place = interpreter.get_input_details()[0]
    assert place["shape_signature"].tolist() == [-1, -1]
    interpreter.resize_tensor_input(place["index"], [1, 55])
    interpreter.allocate_tensors()
    low = np.random.default_rng(0).uniform(-1, 1, [1, 55]).astype(np.float32)
    interpreter.set_tensor(place["index"], low)
    interpreter.invoke()
    high = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(high, upsampler.upsample(low), rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def stream(streaming, tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "stream.tflite"
    export_tflite(streaming, path, streaming=True)
    return path


@pytest.mark.parametrize("runtime", [tf.lite.Interpreter, litert.Interpreter])
def test_every_state_has_a_tensor_of_its_own(streaming, stream, runtime):
    """C and JavaScript callers know outputs by the names and numbers of their tensors."""
    interpreter, state = runtime(str(stream)), streaming.initial_state()
    for signature, names in ("initial_state", {*state}), ("step", {"audio", *state}):
        outputs = interpreter.get_signature_runner(signature).get_output_details()
        assert outputs.keys() == names
        for key in "name", "index":
            assert len({place[key] for place in outputs.values()}) == len(outputs)
        for place in outputs.values():
            np.testing.assert_array_equal(place["shape"], place["shape_signature"])
            assert place["shape"][0] == 1


@pytest.mark.parametrize("number", [0, 1, -7, 2**31 - 1])
def test_any_stream_begins_with_zeros(streaming, stream, on_both_runtimes, number):
    begin = on_both_runtimes(stream.read_bytes(), "initial_state", tolerance=0)
    state, expected = begin(stream=np.int32([number])), streaming.initial_state()
    assert state.keys() == expected.keys()
    for name, value in state.items():
        assert value.shape == expected[name].shape and not value.any()


@pytest.mark.parametrize("samples", [1, 16, 1001])
def test_a_fixed_length_runs_without_a_resize(exported, samples, tmp_path):
    upsampler, path = exported
    export_tflite(upsampler, tmp_path / "fixed.tflite", samples=samples)
    interpreter = litert.Interpreter(str(tmp_path / "fixed.tflite"))
    interpreter.allocate_tensors()
    random, inputs = np.random.default_rng(0), {}
    for place in interpreter.get_input_details():
        np.testing.assert_array_equal(place["shape"], place["shape_signature"])
        name = "noise" if len(place["shape"]) == 3 else "audio"
        inputs[name] = random.uniform(-0.2, 0.2, place["shape"]).astype(np.float32)
        interpreter.set_tensor(place["index"], inputs[name])
    interpreter.invoke()
    (place,) = interpreter.get_output_details()
    assert place["shape_signature"].tolist() == [1, upsampler.ratio * samples]
    resizable = WholeRecordings(path)(inputs["audio"], inputs.get("noise"))
    np.testing.assert_allclose(interpreter.get_tensor(place["index"]), resizable, atol=1e-5)


def test_a_fixed_length_is_told(upsamplers, tmp_path):
    path = tmp_path / "fixed.tflite"
    export_tflite(upsamplers["unet"], path, samples=300)
    assert Artifact(path).properties["samples"] == 300
    assert Artifact(path)(np.zeros([1, 300], np.float32), 8000).shape == (1, 600)
    for shape in [1, 299], [2, 300]:
        with pytest.raises(UserError, match=r"fixed.tflite: takes one recording of 300 samples"):
            Artifact(path)(np.zeros(shape, np.float32), 8000)


@pytest.mark.parametrize("samples, streaming", [(0, False), (-1, False), (100, True)])
def test_lengths_that_cannot_be(upsamplers, tmp_path, samples, streaming):
    with pytest.raises(UserError, match=f"samples is {samples}: 1 at least, and not for streams"):
        export_tflite(upsamplers["unet"], tmp_path / "a", streaming=streaming, samples=samples)


def test_float16(upsamplers, exported, tmp_path, assert_equal):
    upsampler, full = exported
    kept = upsampler.get_weights()
    half = tmp_path / "half.tflite"
    try:
        # Weights that float16 holds, as it does the two parts of the spline's kernel.
        upsampler.set_weights([value.astype(np.float16).astype(np.float32) for value in kept])
        export_tflite(upsampler, half, QUANTIZATIONS["float16"])
        assert_equal(upsampler, WholeRecordings(half), tolerance=1e-5)
    finally:
        upsampler.set_weights(kept)
    assert "DEQUANTIZE" in operations(half)
    if upsampler is upsamplers["unet"]:
        assert os.path.getsize(half) < 0.65 * os.path.getsize(full)


def test_float16_of_any_weights_is_near(upsamplers, tmp_path):
    upsampler, path = upsamplers["unet"], tmp_path / "half.tflite"
    export_tflite(upsampler, path, QUANTIZATIONS["float16"])
    low = np.random.default_rng(0).uniform(-0.5, 0.5, [2, 3001]).astype(np.float32)
    expected = upsampler.upsample(low).numpy()
    error = WholeRecordings(path)(low) - expected
    assert np.mean(error**2) < 1e-6 * np.mean(expected**2)


def test_metadata_is_what_is_recorded(exported):
    """What is recorded is read with tflite-support by tests/lite/app_metadata_test.py."""
    upsampler, path = exported
    details = tf.lite.Interpreter(model_path=str(path)).get_input_details()
    assert ["noise" if len(place["shape"]) == 3 else "audio" for place in details] == (
        ["audio"] if upsampler.output_rate == 16000 else ["audio", "noise"]
    )
    found = find(path.read_bytes(), ENTRY)
    number = tfsr.__version__.encode()
    with np.load(RECORDED) as recorded:
        assert (
            found.replace(number, b"0" * len(number))
            == recorded[str(upsampler.output_rate)].tobytes()
        )


def test_what_is_not_built_in_is_named_and_nothing_is_left(upsamplers, tmp_path, capfd):
    with pytest.raises(UserError, match=r"foreign.*Erfinv.*`format` saved_model") as raised:
        export_tflite(upsamplers["foreign"], tmp_path / "voice.tflite")
    assert "\n" not in str(raised.value)
    assert "Erfinv" not in capfd.readouterr().err
    assert os.listdir(tmp_path) == []


def test_replaces_an_older_file(upsamplers, tmp_path):
    (tmp_path / "voice.tflite").write_text("older")
    export_tflite(upsamplers["drawing"], tmp_path / "voice.tflite")
    assert os.listdir(tmp_path) == ["voice.tflite"]
    assert (tmp_path / "voice.tflite").read_bytes()[4:8] == b"TFL3"


@pytest.mark.parametrize("name", ["folder", "file/voice.tflite"])
def test_unwritable(upsamplers, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=name):
        export_tflite(upsamplers["drawing"], tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
