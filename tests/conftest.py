import os
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from hypothesis import settings

# Before a test module imports TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples on every run, and no deadline: a first call traces a TensorFlow graph.
settings.register_profile("tfsr", deadline=None, derandomize=True, max_examples=15)
settings.load_profile("tfsr")

RATE = 16000


@pytest.fixture(scope="session")
def put_nuwave_weights() -> Callable:
    """A function that puts a fixture's values into a NU-Wave, layers of which have their names."""

    def put(network, values, prefix: str) -> None:
        for key in values:
            if key.startswith(prefix) and key.endswith(".weight"):
                bias = values[f"{key.removesuffix('weight')}bias"]
                place = network
                for part in key.removeprefix(prefix).removesuffix(".weight").split("."):
                    place = place[int(part)] if part.isdigit() else getattr(place, part)
                place.set_weights([values[key].T, bias])

    return put


@pytest.fixture
def mixed_precision():
    import tf_keras as keras

    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(scope="session")
def as_tflite() -> Callable:
    """From a function of tensors to the same of arrays, run by TensorFlow Lite's built-ins.

    float32 [batch, time] each, unless other shapes are given.
    """
    import tensorflow as tf

    from tfsr.export.tflite import convert
    from tfsr.upsamplers.base import Signature

    def converted(function: Callable, *shapes: list[int | None]) -> Callable:
        inputs = {f"x{n}": tf.TensorSpec(s) for n, s in enumerate(shapes or [[None, None]])}
        signature = Signature(lambda **x: function(*(x[name] for name in inputs)), inputs)
        interpreter = tf.lite.Interpreter(model_content=convert({"serving_default": signature}))
        run = interpreter.get_signature_runner()
        return lambda *x: run(**dict(zip(inputs, map(np.asarray, x), strict=True)))["audio"]

    return converted


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder of twelve short recordings at 16 kHz: voiced sounds with some breath."""
    folder = tmp_path_factory.mktemp("recordings")
    random = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    for number in range(12):
        pitch = 100 + 15 * number
        tones = [np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 7000 // pitch)]
        sound = 0.1 * np.sum(tones, axis=0) + 0.01 * random.normal(size=RATE)
        soundfile.write(folder / f"word{number:02d}.wav", sound, RATE)
    return folder
