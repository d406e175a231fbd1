import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.errors import UserError
from tfsr.export.saved_model import export_saved_model


@pytest.fixture(scope="module", params=["unet", "drawing"])
def exported(request, upsamplers, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "deep" / "1"
    export_saved_model(upsamplers[request.param], folder)
    return upsamplers[request.param], folder


def test_equals_keras(exported, assert_equal):
    upsampler, folder = exported
    serve = tf.saved_model.load(str(folder)).signatures[
        "with_noise" if upsampler.noise_steps else "serving_default"
    ]

    def run(low, *noise):
        named = dict(zip(("audio", "noise"), (low, *noise), strict=False))
        return serve(**{name: tf.constant(value) for name, value in named.items()})["audio"]

    assert_equal(upsampler, run, tolerance=1e-5)


def test_signature(exported):
    upsampler, folder = exported
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    inputs = {
        name: spec.shape.as_list() for name, spec in serve.structured_input_signature[1].items()
    }
    seed = {"seed": []} if upsampler.noise_steps else {}
    assert inputs == {"audio": [None, None]} | seed
    outputs = {name: spec.shape.as_list() for name, spec in serve.structured_outputs.items()}
    assert outputs == {"audio": [None, None]}


def test_holds_the_weights_once_and_nothing_of_the_training(exported):
    upsampler, folder = exported
    loaded = tf.saved_model.load(str(folder))
    assert len(loaded.weights) == len(upsampler.weights)
    stored = sum(tf.size(value).numpy() for value in loaded.weights)
    assert stored == sum(tf.size(value).numpy() for value in upsampler.weights)


def test_an_upsampler_that_was_trained_exports_no_optimizer(upsamplers, tmp_path):
    upsampler = upsamplers["unet"]
    count = len(upsampler.weights)
    upsampler.compile()
    export_saved_model(upsampler, tmp_path / "out")
    assert len(tf.saved_model.load(str(tmp_path / "out")).weights) == count


def test_the_rate_can_be_told(exported):
    upsampler, folder = exported
    model = tf.saved_model.load(str(folder))
    inputs = {"audio": tf.random.stateless_uniform([2, 300], [1, 2])}
    if upsampler.noise_steps:
        inputs["seed"] = tf.constant(3)
    expected = model.signatures["serving_default"](**inputs)["audio"]
    made = model.signatures["at_rate"](rate=tf.constant([8000, 8000]), **inputs)["audio"]
    np.testing.assert_array_equal(made, expected)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"takes audio at 8000 Hz, not at\] \[8000 44100\]"
    ):
        model.signatures["at_rate"](rate=tf.constant([8000, 44100]), **inputs)


def test_the_rate_is_told_for_each_recording(exported):
    _, folder = exported
    model = tf.saved_model.load(str(folder))
    specs = model.signatures["at_rate"].structured_input_signature[1]
    inputs = {"audio": tf.zeros([2, 30])} | ({"seed": tf.constant(3)} if "seed" in specs else {})
    for rates in [], [8000], [8000] * 3, [44100]:
        told = rf"rate must tell Hz for each recording: .* are\] \[2\] \[{len(rates)}\]"
        with pytest.raises(tf.errors.InvalidArgumentError, match=told):
            model.signatures["at_rate"](rate=tf.constant(rates, tf.int32), **inputs)


def test_a_full_disk_is_told_in_one_line(upsamplers, tmp_path, full_disk):
    told = pytest.raises(UserError, match=r"out: cannot be written .*; File too large\)$")
    with told as error, full_disk():
        export_saved_model(upsamplers["unet"], tmp_path / "out")
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_saved_model_cli_runs_it(upsamplers, succeed, tmp_path):
    export_saved_model(upsamplers["unet"], tmp_path / "out")
    low = np.random.default_rng(0).uniform(-1, 1, [2, 777]).astype(np.float32)
    np.save(tmp_path / "low.npy", low)
    asked = ["--dir", tmp_path / "out", "--tag_set", "serve", "--signature_def", "serving_default"]
    files = ["--inputs", f"audio={tmp_path / 'low.npy'}", "--outdir", tmp_path / "result"]
    succeed("-m", "tensorflow.python.tools.saved_model_cli", "run", *asked, *files)
    high = np.load(tmp_path / "result" / "audio.npy")
    np.testing.assert_allclose(high, upsamplers["unet"].upsample(low), rtol=0, atol=1e-4)


def test_an_empty_folder_is_taken(upsamplers, tmp_path):
    (tmp_path / "out").mkdir()
    export_saved_model(upsamplers["drawing"], tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out" / "saved_model.pb").exists()


def test_what_is_there_is_not_overwritten(upsamplers, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("too")
    for name in "full", "file":
        with pytest.raises(UserError, match=f"{name}: already there"):
            export_saved_model(upsamplers["drawing"], tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "full"]
    assert os.listdir(tmp_path / "full") == ["thesis.txt"]


def test_unwritable(upsamplers, tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "out"
    with pytest.raises(UserError, match=re.escape(f"{path}: cannot be written")):
        export_saved_model(upsamplers["drawing"], path)


def test_nothing_half_written(upsamplers, tmp_path, monkeypatch):
    def fail(module, folder, **_):
        (Path(folder) / "saved_model.pb").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        export_saved_model(upsamplers["drawing"], tmp_path / "out")
    assert os.listdir(tmp_path) == []
