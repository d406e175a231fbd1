"""The whole contract, on every system: build, train, resume, upsample, cut up, export.

The configurations in folders below differ from these in data, sizes and weights of losses: they are
built and trained for one step.
"""

import fnmatch
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
from tfsr.training import distribution, loop
from tfsr.training.checkpoints import Checkpoints, restore

ROOT = Path(__file__).parents[1]
SYSTEMS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "configs").glob("*.gin"))
VARIANTS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "configs").glob("*/*.gin")
    if path.parent.name != "data"  # they are parts of the others
)
COMMON = [
    *("BATCH = 2", "experiment.Experiment.log_every = 1"),
    *("experiment.Experiment.checkpoint_every = 1", "experiment.Experiment.validate_every = 4"),
]


def tiny_settings() -> dict[str, list[str]]:
    """The union of what the tests say makes their configurations small, by pattern of name."""
    found = {}
    folders = [ROOT / "tests" / "networks", ROOT / "tests" / "upsamplers"]
    for path in [path for folder in folders for path in folder.glob("*_test.py")]:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= getattr(module, "TINY", {})
    return found


TINY = tiny_settings()


def patterns(config: str) -> list[str]:
    return [pattern for pattern in TINY if fnmatch.fnmatch(config, pattern)]


@pytest.fixture
def build(request, recordings):
    """A function that builds the configuration in small, for so many steps."""

    def build(steps: int):
        (pattern,) = patterns(request.param)
        more = [f"DATA = {str(recordings)!r}", f"STEPS = {steps}"]
        built = gin_config.experiment([request.param], COMMON + TINY[pattern] + more)
        built.upsampler.initialize()
        return built

    yield build
    gin.clear_config()


def weights(upsampler) -> list[np.ndarray]:
    upsampler.reset_metrics()
    return [weight.numpy() for weight in upsampler.weights]


def by_reference(upsampler) -> dict:
    return {weight.ref(): weight.numpy() for weight in upsampler.weights}


@pytest.mark.parametrize("build", SYSTEMS, indirect=True)
def test_the_contract(build, tmp_path):
    distribution.keep_sums_of_two()
    strategy = tf.distribute.get_strategy()
    trained = build(4)
    before = by_reference(trained.upsampler)
    loop.train(trained, tmp_path / "whole", strategy)
    assert_trained(trained.upsampler, before)
    assert_the_second_half_again_ends_alike(trained, tmp_path / "whole" / "checkpoints")

    upsampler = build(4).upsampler
    restore(upsampler, tmp_path / "whole")
    assert_chunks_equal_the_whole(upsampler)
    assert_exports_equal_keras(upsampler, tmp_path)


@pytest.mark.parametrize("build", VARIANTS, indirect=True)
def test_one_step(build):
    """Without a graph, which takes longer to make than the step."""
    built = build(1)
    upsampler, before = built.upsampler, by_reference(built.upsampler)
    upsampler.compile()
    (batch,) = built.data.batches(0, 1, per_step=upsampler.batches_per_step)
    losses = upsampler.train_step(batch)
    assert all(np.isfinite(loss) for loss in losses.values())
    assert_trained(upsampler, before)


def assert_trained(upsampler, before: dict):
    """Something has moved in every update; an interpolation has none."""
    for update in upsampler.updates:
        assert any(np.any(v.numpy() != before[v.ref()]) for v in update.variables)


def assert_the_second_half_again_ends_alike(trained, checkpoints: Path):
    """A checkpoint holds all that the steps after it depend on."""
    upsampler = trained.upsampler
    if not upsampler.updates:
        return
    ended = weights(upsampler)
    for path in checkpoints.glob("step-[34].*"):
        path.unlink()
    assert Checkpoints(checkpoints, upsampler).restore(checkpoints, for_training=True) == 2
    batches = trained.data.batches(2, 4, per_step=upsampler.batches_per_step)
    upsampler.fit(batches, verbose=0)
    for a, b in zip(ended, weights(upsampler), strict=True):
        np.testing.assert_array_equal(a, b)


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
    name = "with_noise" if upsampler.noise_steps else "serving_default"
    served = tf.saved_model.load(str(folder / "saved_model")).signatures[name]
    phone = Interpreter(folder / "model.tflite")
    random = np.random.default_rng(1)
    for length in (1, *random.integers(2, 3000, 9)):
        low = random.normal(0, 0.1, [2, length]).astype(np.float32)
        shape = [upsampler.noise_steps, 2, upsampler.ratio * length]
        noise = [random.normal(size=shape).astype(np.float32)] if upsampler.noise_steps else []
        expected = upsampler.serve(tf.constant(low), *noise)
        inputs = dict(zip(("audio", "noise"), (low, *noise), strict=False))
        np.testing.assert_allclose(
            served(**{key: tf.constant(value) for key, value in inputs.items()})["audio"],
            expected,
            atol=1e-4,
        )
        np.testing.assert_allclose(phone(low, *noise), expected, atol=1e-4)


def test_every_configuration_says_how_small_it_can_be():
    for config in SYSTEMS + VARIANTS:
        assert len(patterns(config)) == 1, config
    for pattern in TINY:
        assert fnmatch.filter(SYSTEMS + VARIANTS, pattern), pattern
