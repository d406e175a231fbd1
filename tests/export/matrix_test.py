"""Every system in every format: they agree, and smaller numbers cost no more than they may.

TensorFlow Lite quantizes tensors of more than 1,024 elements only. So narrow, the systems have few
of these; what quantization costs at full width is measured in docs/export.md.
"""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter as litert

from tfsr.data.bundled import Bundled
from tfsr.evaluation.metrics import Lsd
from tfsr.export import metadata, properties
from tfsr.export.graph_operations import require_harmless
from tfsr.export.int8_weights import int8_weights
from tfsr.export.quantization import QUANTIZATIONS
from tfsr.export.saved_model import SIGNATURE, export_saved_model, save
from tfsr.export.tflite import convert, quantized, signatures
from tfsr.lite.interpreter import WholeRecordings
from tfsr.upsamplers.base import Upsampler

# Samples of a file that takes so many only; no hop divides them.
FIXED = 1003
# One without noise, one that draws some; conversions take seconds each.
ALSO_FIXED = ("configs/spectral.gin", "configs/nuwave.gin")
MOST_LSD_LOST = {"float16": 0.01, "int8": 0.03}


@pytest.fixture(scope="session")
def speech():
    """A function that reads so many samples of a test utterance at a rate."""
    recording = Bundled().recordings("test")[0]
    return lambda rate, samples: recording.read(rate, rate, rate + samples)


def disturb(upsampler: Upsampler) -> None:
    """Last layers often start at zero: with that an error in the network would not show."""
    random = np.random.default_rng(0)
    for weight in upsampler.trainable_weights:
        weight.assign_add(np.float32(random.normal(0, 0.02, weight.shape)))


def export(upsampler: Upsampler, folder: Path, fixed: bool) -> tuple[tf.Module, dict[str, Path]]:
    """The SavedModel, and TensorFlow Lite files of it by kind; "fixed" is float32."""
    export_saved_model(upsampler, folder / "saved_model")
    require_harmless(folder / "saved_model")
    save(signatures(upsampler), folder / "phone")
    full, half = (quantized(folder / "phone", QUANTIZATIONS.get(n)) for n in ("float32", "float16"))
    models = {"float32": full, "float16": half, "int8": int8_weights(half)}
    if fixed:
        models["fixed"] = convert(signatures(upsampler, samples=FIXED))
    files, about = {}, properties.of(upsampler)
    for kind, model in models.items():
        files[kind] = folder / f"{kind}.tflite"
        files[kind].write_bytes(metadata.add(model, about))
    return tf.saved_model.load(str(folder / "saved_model")), files


def draws(upsampler: Upsampler, low: np.ndarray) -> list[np.ndarray]:
    """Noise for signals [batch, time]; an empty list where none is wanted."""
    shape = [upsampler.noise_steps, low.shape[0], upsampler.ratio * low.shape[1]]
    random = np.random.default_rng(1)
    return [np.float32(random.normal(size=shape))] if upsampler.noise_steps else []


def test_every_format(system, build, speech, on_both_runtimes, tmp_path):
    built = build(system, steps=1)
    upsampler = built.upsampler
    disturb(upsampler)
    saved_model, files = export(upsampler, tmp_path, fixed=system in ALSO_FIXED)
    interpreters = {kind: WholeRecordings(files[kind]) for kind in ("float32", *MOST_LSD_LOST)}
    assert_equal_keras(upsampler, saved_model, interpreters["float32"])
    high = speech(upsampler.output_rate, 6144)  # which all ratios divide
    rates = upsampler.output_rate, upsampler.input_rate
    low, high = built.data.degradation.pair(high, *rates, np.random.default_rng(0))
    low = np.float32(low)
    assert_little_is_lost(upsampler, interpreters, low, high)
    assert_runs_everywhere(upsampler, files, on_both_runtimes, low[np.newaxis, :FIXED])
    assert_sizes(files, saved_model.weights)
    for path in files.values():
        assert_built_in(path)


def assert_equal_keras(upsampler: Upsampler, saved_model: tf.Module, phone: WholeRecordings):
    served = saved_model.signatures["with_noise" if upsampler.noise_steps else SIGNATURE]
    random = np.random.default_rng(1)
    for length in (1, *random.integers(2, 3000, 9)):
        low = np.float32(random.normal(0, 0.1, [2, length]))
        noise = draws(upsampler, low)
        expected = upsampler.serve(tf.constant(low), *noise)
        tensors = dict(zip(("audio", "noise"), map(tf.constant, (low, *noise)), strict=False))
        np.testing.assert_allclose(served(**tensors)["audio"], expected, atol=1e-4)
        np.testing.assert_allclose(phone(low, *noise), expected, atol=1e-4)


def assert_little_is_lost(upsampler: Upsampler, interpreters: dict, low, high):
    low = low[np.newaxis]
    noise = draws(upsampler, low)
    rates = upsampler.output_rate, upsampler.input_rate / 2
    distance = {
        kind: Lsd()(high, run(low, *noise)[0], *rates) for kind, run in interpreters.items()
    }
    for kind, most in MOST_LSD_LOST.items():
        assert distance[kind] - distance["float32"] <= most, kind


def assert_runs_everywhere(upsampler: Upsampler, files: dict, on_both_runtimes, low):
    """In tf.lite and in LiteRT, which have kernels of their own; a fixed file as it is."""
    inputs = dict(zip(("audio", "noise"), (low, *draws(upsampler, low)), strict=False))
    made = {
        kind: on_both_runtimes(path.read_bytes(), tolerance=5e-5)(**inputs)["audio"]
        for kind, path in files.items()
    }
    if "fixed" not in files:
        return
    interpreter = litert.Interpreter(str(files["fixed"]))
    interpreter.allocate_tensors()
    for place in interpreter.get_input_details():
        name = "noise" if len(place["shape"]) == 3 else "audio"
        interpreter.set_tensor(place["index"], inputs[name])
    interpreter.invoke()
    unresized = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    for others in made["fixed"], made["float32"]:
        np.testing.assert_allclose(unresized, others, rtol=0, atol=5e-5)


def assert_sizes(files: dict[str, Path], weights: list[tf.Variable]):
    """float16 takes an operation before each use of a tensor, which widens it."""
    full, half, quarter = (files[kind].stat().st_size for kind in ("float32", *MOST_LSD_LOST))
    saved = sum(weight.shape.num_elements() for weight in weights)
    assert half <= 1.05 * full - saved + 200 * len(weights) + 200  # for two constants
    assert quarter <= 1.05 * half + 2000  # scales, and an operation that widens each tensor


def assert_built_in(path: Path):
    details = tf.lite.Interpreter(model_path=str(path))._get_ops_details()
    names = {operation["op_name"] for operation in details}
    assert not {name for name in names if name.startswith("Flex") or name == "CUSTOM"}
