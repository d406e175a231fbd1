"""The whole contract, on every configuration: build, train, resume, upsample, cut up, export."""

import importlib.util
from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow as tf

from tfsr import gin_config
from tfsr.export.saved_model import export_saved_model
from tfsr.export.tflite import Interpreter, export_tflite
from tfsr.inference.chunks import upsample_array
from tfsr.training import loop
from tfsr.training.checkpoints import restore

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "configs").rglob("*.gin"))
COMMON = [
    *("BATCH = 2", "experiment.Experiment.log_every = 1"),
    *("experiment.Experiment.checkpoint_every = 1", "experiment.Experiment.validate_every = 2"),
]


def tiny_settings() -> dict[str, list[str]]:
    """The union of what the tests of the networks say makes their configurations small."""
    found = {}
    for path in (ROOT / "tests" / "networks").glob("*_test.py"):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= getattr(module, "TINY", {})
    return found


TINY = tiny_settings()


@pytest.fixture(params=CONFIGS)
def build(request, recordings):
    """A function that builds the configuration in small, for so many steps."""

    def build(steps: int):
        more = [*TINY[request.param], f"DATA = {str(recordings)!r}", f"STEPS = {steps}"]
        built = gin_config.experiment([request.param], COMMON + more)
        built.upsampler.initialize()
        return built

    yield build
    gin.clear_config()


def weights(upsampler) -> list[np.ndarray]:
    return [weight.numpy() for weight in upsampler.weights]


def test_the_contract(build, tmp_path):
    strategy = tf.distribute.get_strategy()
    whole = build(4)
    before = weights(whole.upsampler)
    loop.train(whole, tmp_path / "whole", strategy)
    assert any(np.any(a != b) for a, b in zip(before, weights(whole.upsampler), strict=True))

    loop.train(build(2), tmp_path / "resumed", strategy)
    resumed = build(4)
    assert loop.train(resumed, tmp_path / "resumed", strategy) == 2
    for a, b in zip(weights(whole.upsampler), weights(resumed.upsampler), strict=True):
        np.testing.assert_array_equal(a, b)

    upsampler = build(4).upsampler
    restore(upsampler, tmp_path / "whole")
    assert_chunks_equal_the_whole(upsampler)
    assert_exports_equal_keras(upsampler, tmp_path)


def assert_chunks_equal_the_whole(upsampler):
    samples = 4 * (upsampler.receptive_field + upsampler.hop) + 7
    low = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    whole = upsample_array(upsampler, low)
    assert whole.shape == (upsampler.ratio * samples,)
    chunked = upsample_array(upsampler, low, chunk=upsampler.receptive_field)
    np.testing.assert_allclose(chunked, whole, atol=1e-5)


def assert_exports_equal_keras(upsampler, folder: Path):
    export_saved_model(upsampler, folder / "saved_model")
    export_tflite(upsampler, folder / "model.tflite")
    served = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    phone = Interpreter(folder / "model.tflite")
    random = np.random.default_rng(1)
    for length in (1, *random.integers(2, 3000, 9)):
        low = random.normal(0, 0.1, [2, length]).astype(np.float32)
        shape = [upsampler.noise_steps, 2, upsampler.ratio * length]
        noise = [random.normal(size=shape).astype(np.float32)] if upsampler.noise_steps else []
        expected = upsampler.upsample(low, *noise)
        inputs = dict(zip(("audio", "noise"), (low, *noise), strict=False))
        np.testing.assert_allclose(
            served(**{key: tf.constant(value) for key, value in inputs.items()})["audio"],
            expected,
            atol=1e-4,
        )
        np.testing.assert_allclose(phone(low, *noise), expected, atol=1e-4)


def test_every_configuration_says_how_small_it_can_be():
    assert sorted(TINY) == CONFIGS
